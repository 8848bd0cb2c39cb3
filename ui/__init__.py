"""The page that `nl2sql ui` serves: a face, without logic of its own. It imports only what `nl2sql` exports."""
