"""Words in the names of columns that tell what a column is, in the languages that tables are commonly named in.

It decides nothing: `display` does, together with the values and the SQL.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+|[%€$£¥]")
_CAMEL: Final = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")

SUM_WORDS: Final = frozenset("sum summe total avg average mean".split())
CALENDAR_WORDS: Final = frozenset("date day datum tag period periode week woche yearmonth".split())
COUNT_WORDS: Final = frozenset("count counts anzahl nombre numero cantidad menge qty quantity units distinct n".split())
CODE_WORDS: Final = frozenset(
    "id ids uuid key code codes nr no number num nummer zip zipcode plz postal postcode postleitzahl phone telephone "
    "telefon tel fax mobile iban ean gtin isbn sku vin pin ssn barcode account konto serial ref reference kennung "
    "schlüssel".split()
)
LEADING_CODE_WORDS: Final = frozenset("id code zip plz uuid sku iban ean".split())
YEAR_WORDS: Final = frozenset("year years yr jahr année annee año ano anno år rok jaar fy".split())
MONTH_WORDS: Final = frozenset("month months monat mois mes mese maand mês miesiąc månad ym yyyymm".split())
DAY_WORDS: Final = frozenset(
    "day date datum tag jour día dia giorno fecha data start begin began since from birth birthday born due end ended "
    "until valid at on created updated ordered first last min max year jahr quarter quartal week woche".split()
)
MONEY_WORDS: Final = frozenset(
    "price prices cost costs amount revenue revenues sales turnover income salary salaries wage wages fee fees budget "
    "spend spent spending expense expenses profit profits loss tax vat balance payment payments paid refund refunds "
    "gmv mrr ebit ebitda earnings charge charges debt invoiced net gross subtotal money "
    "umsatz umsätze preis preise betrag beträge kosten gehalt lohn gewinn brutto netto erlös erlöse ertrag steuer "
    "prix montant coût revenu salaire recette precio importe coste costo ventas ingresos salario ganancia "
    "prezzo ricavo fatturato stipendio preço valor receita euro euros eur usd gbp chf dollar dollars € $ £".split()
)
NOT_MONEY_WORDS: Final = COUNT_WORDS | frozenset(
    "pct percent percentage prozent rate rates ratio share anteil quote growth index score margin % probability "
    "exchange fx kurs weight gewicht kg volume length height width depth area distance size temperature speed duration "
    "days hours minutes seconds".split()
)
UNIT_WORDS: Final = frozenset("pct percent percentage percents prozent pourcentage porcentaje percentuale %".split())
SHARE_WORDS: Final = UNIT_WORDS | frozenset("share shares anteil rate fraction quote proportion quota part".split())
NO_SHARE_WORDS: Final = frozenset("exchange fx kurs currency hourly daily heart frame bit sampling".split())
PLAIN_WORDS: Final = frozenset("lat latitude lon lng long longitude coord coordinate breitengrad längengrad".split())

# Last parts of compounds, which German and many column names write as one word.
CODE_ENDS: Final = ("nummer", "nr", "code", "plz", "userid", "orderid", "customerid", "productid", "itemid", "jahr")
MONTH_ENDS: Final = ("monat",)
MONEY_ENDS: Final = ("umsatz", "preis", "betrag", "kosten", "gehalt", "erlös", "gewinn")
UNIT_ENDS: Final = ("prozent",)
SHARE_ENDS: Final = (*UNIT_ENDS, "anteil", "quote")


def split_name(name: str) -> tuple[str, ...]:
    """Split a column's name into its words: `orderTotal_EUR` gives order, total, eur."""
    return tuple(word.casefold() for word in _WORD.findall(_CAMEL.sub(" ", name)))
