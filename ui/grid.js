// How each table is looked at, by its key: it outlives a drawing of the page.
const looks = new Map();
const WIDTH = { least: 48, most: 1600, step: 24 };

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector('.grid');
  const [tools, region, foot, menu, said] = ['.tools', '.scroll', '.foot', '.menu', '.said'].map(
    (one) => grid.querySelector(one),
  );
  const table = grid.querySelector('table');
  const dialog = grid.querySelector('dialog');
  const look = looks.get(data.key) ?? { hidden: new Set(), widths: new Map(), wraps: false, whole: 0 };
  looks.set(data.key, look);
  const act = (what) => setTriggerValue('act', what);
  const make = (kind, text, more = {}) => Object.assign(document.createElement(kind), { textContent: text }, more);
  const exact = (cell) => (cell === null ? null : Array.isArray(cell) ? cell[1] : cell);
  const shown = (cell) => (cell === null ? 'NULL' : Array.isArray(cell) ? cell[0] : cell);
  const isCut = (cell) => [...(exact(cell) ?? '')].length === data.cut && exact(cell).endsWith('…');
  const short = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
  const visible = () => data.columns.map((_, at) => at).filter((at) => !look.hidden.has(data.columns[at].name));

  function style() {
    const rules = [];
    const seen = visible();
    const cell = (at) => `:is(th, td):nth-child(${at + 1})`;
    data.columns.forEach((column, at) => {
      if (!seen.includes(at)) rules.push(`${cell(at)} { display: none; }`);
      const width = look.widths.get(column.name);
      if (width) rules.push(`${cell(at)} { width: ${width}px; min-width: ${width}px; max-width: ${width}px; }`);
    });
    if (seen.length > 1) {
      rules.push(`${cell(seen[0])} { position: sticky; left: 0; z-index: 1; }`);
      rules.push(`.moved ${cell(seen[0])} { box-shadow: inset -1px 0 var(--st-border-color); }`);
      rules.push(`thead ${cell(seen[0])} { z-index: 3; }`);
      rules.push(`tfoot ${cell(seen[0])} { z-index: 2; }`);
      const most = Math.max(96, region.clientWidth * 0.45);
      if (!look.widths.has(data.columns[seen[0]].name)) rules.push(`${cell(seen[0])} { max-width: ${most}px; }`);
    }
    grid.querySelector('.own').textContent = rules.join('\n');
    table.classList.toggle('wraps', look.wraps);
  }

  function resize(at, width) {
    look.widths.set(data.columns[at].name, Math.min(WIDTH.most, Math.max(WIDTH.least, Math.round(width))));
    style();
  }

  // Menus and dialogs

  function open(items, from, title) {
    menu.replaceChildren();
    if (title) menu.append(make('p', title));
    for (const { label, run, checked } of items) {
      const item = make('button', '', { type: 'button' });
      if (checked !== undefined) item.append(make('b', checked ? '✓' : '', { ariaHidden: 'true' }));
      item.append(label);
      item.setAttribute('role', checked === undefined ? 'menuitem' : 'menuitemcheckbox');
      if (checked !== undefined) item.setAttribute('aria-checked', String(checked));
      item.onclick = () => {
        menu.hidePopover();
        run();
      };
      menu.append(item);
    }
    menu.setAttribute('aria-label', title || from.getAttribute('aria-label') || from.textContent);
    menu.showPopover();
    const box = from.getBoundingClientRect();
    const own = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
    menu.style.top = `${box.bottom + own.height + 8 > innerHeight ? Math.max(8, box.top - own.height - 2) : box.bottom + 2}px`;
    menu.querySelector('button')?.focus();
    menu.onkeydown = (event) => {
      const all = [...menu.querySelectorAll('button')];
      const now = all.indexOf(menu.getRootNode().activeElement);
      const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[event.key];
      if (event.key === 'Escape' || event.key === 'Tab') {
        menu.hidePopover();
        from.focus();
      } else if (to === undefined) return;
      else all[(to + all.length) % all.length].focus();
      event.preventDefault();
      event.stopPropagation();
    };
  }

  function show(title, content) {
    const close = make('button', 'Close', { type: 'button', onclick: () => dialog.close() });
    // The focus at the beginning: on the button it would show the end of a long one.
    dialog.replaceChildren(make('h2', title, { tabIndex: -1, autofocus: true }), content, close);
    dialog.setAttribute('aria-label', title);
    dialog.onclick = (event) => event.target === dialog && dialog.close();
    dialog.showModal();
  }

  function card(at) {
    const list = document.createElement('dl');
    data.columns.forEach((column, place) => {
      const value = make('dd', shown(data.rows[at][place]));
      if (Array.isArray(data.rows[at][place])) value.title = exact(data.rows[at][place]);
      list.append(make('dt', column.name), value);
    });
    show(`Row ${(data.pager?.start ?? 1) + at}`, list);
  }

  // Taking rows along

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure address the browser has no clipboard but this.
      const box = make('textarea', '', { value: text });
      (dialog.open ? dialog : grid).append(box);
      box.select();
      document.execCommand('copy');
      box.remove();
    }
    said.textContent = `Copied ${what}`;
  }
  const clean = (text) => (/[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const safe = (text, isNumber) =>
    !isNumber && /^[\s'"]*[=+\-@\u2212\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^-\d+([.,]\d+)*$/.test(text) ? `'${text}` : text;
  const tsv = (rows, places) =>
    [
      places.map((at) => clean(safe(data.columns[at].name))).join('\t'),
      ...rows.map((row) => places.map((at) => clean(safe(exact(row[at]) ?? '', data.columns[at].number))).join('\t')),
    ].join('\n');
  const mark = (text) =>
    text.replace(/[\\|[\]`*]/g, '\\$&').replaceAll('<', '&lt;').replace(/\r\n|[\n\r]/g, '<br>');
  const markdown = (rows, places) => {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    return [
      line(places.map((at) => mark(data.columns[at].name))),
      line(places.map((at) => (data.columns[at].number ? '---:' : '---'))),
      ...rows.map((row) => line(places.map((at) => mark(shown(row[at]))))),
    ].join('\n');
  };

  function copySelected(event) {
    const root = grid.getRootNode();
    const selection = (root.getSelection ? root : document).getSelection();
    if (!selection || selection.isCollapsed) return;
    const lines = [...table.rows]
      .map((row) => [...row.cells].filter((cell) => cell.offsetParent && selection.containsNode(cell, true)))
      .filter((cells) => cells.length);
    if (lines.flat().length < 2) return;
    const text = (cell) => {
      const isBody = cell.closest('tbody');
      const at = cell.cellIndex;
      return isBody ? safe(exact(data.rows[cell.parentElement.sectionRowIndex][at]) ?? '', data.columns[at].number) : safe(cell.dataset.name ?? cell.textContent);
    };
    event.clipboardData.setData('text/plain', lines.map((cells) => cells.map((cell) => clean(text(cell))).join('\t')).join('\n'));
    event.preventDefault();
  }

  // Cells

  function choose(cell) {
    const at = cell.parentElement.sectionRowIndex;
    const place = cell.cellIndex;
    const column = data.columns[place];
    const value = data.rows[at][place];
    const items = isCut(value) ? [] : [{ label: 'Copy', run: () => copy(exact(value) ?? '', 'the cell') }];
    if (column.only) {
      items.push({ label: value === null ? 'Only rows without a value' : 'Only this', run: () => act({ do: 'only', row: at, column: place }) });
      items.push({ label: value === null ? 'Only rows with a value' : 'All but this', run: () => act({ do: 'without', row: at, column: place }) });
    }
    if (data.behind && !column.made) {
      items.push({ label: 'The rows behind it', run: () => act({ do: 'behind', row: at, column: place }) });
    }
    if (value !== null && !column.made) items.push({ label: 'Show all of it', run: () => act({ do: 'whole', row: at, column: place }) });
    items.push({ label: 'This row as a card', run: () => card(at) });
    open(items, cell, `${column.name}: ${short(exact(value) ?? 'NULL')}`);
  }

  function move(event) {
    const cell = event.target.closest('tbody td');
    if (!cell) return;
    if (event.key === 'Enter' || event.key === ' ') {
      choose(cell);
    } else {
      const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [];
      if (down === undefined) return;
      const seen = visible();
      const place = seen[seen.indexOf(cell.cellIndex) + right];
      const to = table.tBodies[0].rows[cell.parentElement.sectionRowIndex + down]?.cells[place];
      if (to) focus(to);
    }
    event.preventDefault();
  }

  function focus(cell) {
    table.querySelector('td[tabindex="0"]')?.setAttribute('tabindex', '-1');
    cell.tabIndex = 0;
    cell.focus();
  }

  // Drawing

  function head() {
    const head = document.createElement('thead');
    const line = head.insertRow();
    data.columns.forEach((column, at) => {
      const cell = make('th', '', { scope: 'col' });
      cell.dataset.name = column.name;
      if (column.number) cell.classList.add('number');
      if (column.made) cell.classList.add('made');
      const sorts = data.acts && !column.made;
      const arrow = column.sorted === 'ascending' ? ' \u2191' : column.sorted === 'descending' ? ' \u2193' : '';
      const inside = make(sorts ? 'button' : 'span', column.name + arrow);
      inside.title = column.made ? `${column.name}: ${column.made}` : column.name;
      if (sorts) {
        inside.type = 'button';
        inside.title += '\nClick to sort. Alt+← and Alt+→ change the width.';
        inside.onclick = () => act({ do: 'sort', column: at });
        inside.onkeydown = (event) => {
          const by = event.altKey && { ArrowLeft: -1, ArrowRight: 1 }[event.key];
          if (!by) return;
          resize(at, cell.offsetWidth + by * WIDTH.step);
          event.preventDefault();
        };
        cell.setAttribute('aria-sort', column.sorted || 'none');
      }
      cell.append(inside);
      if (data.acts) {
        const handle = make('i', '', { ariaHidden: 'true' });
        handle.onpointerdown = (event) => {
          const [from, width] = [event.clientX, cell.offsetWidth];
          handle.setPointerCapture(event.pointerId);
          handle.onpointermove = (moved) => resize(at, width + moved.clientX - from);
          handle.onpointerup = () => (handle.onpointermove = null);
          event.preventDefault();
        };
        handle.ondblclick = () => {
          look.widths.delete(column.name);
          style();
        };
        cell.append(handle);
      }
      line.append(cell);
    });
    return head;
  }

  function fill(section, rows) {
    for (const row of rows) {
      const line = section.insertRow();
      row.forEach((value, at) => {
        const cell = line.insertCell();
        const column = data.columns[at];
        if (column.number) cell.classList.add('number');
        if (column.made) cell.classList.add('made');
        if (value === null && !column.made) {
          cell.textContent = 'NULL';
          cell.classList.add('null');
        } else if (Array.isArray(value)) {
          [cell.textContent, cell.title] = value;
        } else {
          cell.textContent = value ?? '';
          if (value && value.length > 40) cell.title = value;
        }
      });
    }
    return section;
  }

  function bar() {
    tools.replaceChildren();
    foot.replaceChildren();
    if (!data.acts) return;
    const button = (place, label, run, more = {}) => {
      const made = make('button', label, { type: 'button', ...more });
      made.onclick = () => run(made);
      place.append(made);
      return made;
    };
    const names = data.columns.map((column) => column.name);
    (data.chips ?? []).forEach((label, at) => {
      const name = `Remove the filter: ${label}`;
      button(tools, `${label} ✕`, () => act({ do: 'drop', at }), { ariaLabel: name, title: name, className: 'chip' });
    });
    if (data.chips?.length > 1) button(tools, 'Clear', () => act({ do: 'clear' }));
    if (data.nothing) {
      foot.append(make('span', data.nothing));
      button(foot, 'Clear the filter', () => act({ do: 'clear' }), { className: 'chip' });
      return;
    }
    tools.append(make('span', '', { className: 'gap' }));
    if (data.filters) button(tools, 'Filter', () => act({ do: 'filter' }));
    if (names.length > 1) {
      button(tools, look.hidden.size ? `Columns (${visible().length} of ${names.length})` : 'Columns', (from) => {
        const items = names.map((name) => ({
          label: name,
          checked: !look.hidden.has(name),
          run: () => {
            if (!look.hidden.delete(name) && visible().length > 1) look.hidden.add(name);
            style();
            bar();
            // The menu stays, for further columns.
            [...tools.children].find((one) => one.textContent.startsWith('Columns'))?.click();
          },
        }));
        if (look.hidden.size) {
          items.unshift({ label: 'Show all', run: () => (look.hidden.clear(), style(), bar()) });
        }
        open(items, from, 'Columns that are shown');
      });
    }
    if (data.figures?.length) {
      button(tools, 'Figures', (from) => {
        const items = data.figures.map((one) => ({ label: one.label, checked: one.on, run: () => act({ do: 'figure', id: one.id }) }));
        open(items, from, 'Computed from these rows');
      });
    }
    const wrap = button(tools, 'Wrap', () => {
      look.wraps = !look.wraps;
      wrap.ariaPressed = String(look.wraps);
      style();
    });
    wrap.ariaPressed = String(look.wraps);
    button(tools, 'Copy', (from) => {
      const [rows, places] = [data.rows, visible()];
      const what = `${rows.length} row${rows.length === 1 ? '' : 's'}`;
      const cuts = rows.some((row) => places.some((at) => isCut(row[at])));
      open([
        { label: 'For a spreadsheet (TSV, exact values)', run: () => copy(tsv(rows, places), what) },
        { label: 'As Markdown, as shown', run: () => copy(markdown(rows, places), what) },
      ], from, `The ${what} on this page${cuts ? `; cells are cut at ${data.cut} characters, not so in a download` : ''}`);
    });
    if (document.fullscreenEnabled) {
      const big = button(tools, 'Full screen', () => {
        const isBig = grid.getRootNode().fullscreenElement ?? (document.fullscreenElement && grid.matches(':fullscreen'));
        if (isBig) document.exitFullscreen();
        else grid.requestFullscreen().catch(() => (said.textContent = 'The browser does not allow full screen'));
      });
      grid.onfullscreenchange = () => (big.textContent = grid.matches(':fullscreen') ? 'Leave full screen' : 'Full screen');
      grid.onfullscreenchange();
    }
    const pager = data.pager;
    if (!pager) return;
    if (pager.pages < 2 && pager.page === 0) {
      foot.append(make('span', pager.text));
    } else {
      const turn = (label, name, to, disabled) =>
        button(foot, label, () => act({ do: 'page', page: to }), { ariaLabel: name, title: name, disabled });
      turn('«', 'First', 0, pager.page === 0);
      turn('‹', 'Previous', pager.page - 1, pager.page === 0);
      foot.append(make('span', pager.text));
      turn('›', 'Next', pager.page + 1, pager.page >= pager.pages - 1);
      turn('»', 'Last', pager.pages - 1, pager.page >= pager.pages - 1);
    }
    if (pager.rows > pager.sizes[0]) {
      const sizes = make('select', '', { ariaLabel: 'Rows on a page', title: 'Rows on a page' });
      for (const size of pager.sizes) sizes.append(make('option', `${size} a page`, { value: size, selected: size === pager.size }));
      sizes.onchange = () => act({ do: 'size', size: Number(sizes.value) });
      foot.append(sizes);
    }
  }

  // What had the focus has it again, where it is still there.
  function refocus(before) {
    if (!before?.part) return;
    const isHead = before.part.tagName === 'THEAD';
    const named = [...before.part.querySelectorAll('button, select')].find((one) => (one.ariaLabel || one.textContent) === before.name);
    const now = isHead
      ? table.tHead.rows[0].cells[before.at]?.querySelector('button')
      : before.part.tagName === 'TBODY'
        ? table.tBodies[0].rows[0]?.cells[before.at]
        : named;
    (now && !now.disabled ? now : region).focus();
  }

  region.setAttribute('aria-label', data.caption);
  const active = grid.getRootNode().activeElement;
  const focused = active && { at: active.closest('th, td')?.cellIndex, part: active.closest('thead, tbody, .foot, .tools'), name: active.ariaLabel || active.textContent };
  const body = fill(document.createElement('tbody'), data.rows);
  table.replaceChildren(head(), body);
  if (data.total) table.append(fill(document.createElement('tfoot'), [data.total]));
  table.className = data.acts ? 'acts' : '';
  table.classList.toggle('moved', region.scrollLeft > 0);
  table.dataset.shown = String(data.rows.length);
  region.oncopy = copySelected;
  region.onscroll = () => table.classList.toggle('moved', region.scrollLeft > 0);
  if (data.acts) {
    for (const cell of body.querySelectorAll('td')) cell.tabIndex = -1;
    if (body.rows[0]) body.rows[0].cells[visible()[0] ?? 0]?.setAttribute('tabindex', '0');
    body.onkeydown = move;
    let pressed = [0, 0];
    body.onpointerdown = (event) => (pressed = [event.clientX, event.clientY]);
    body.onclick = (event) => {
      const cell = event.target.closest('td');
      // Whoever drags over text selects it.
      if (!cell || Math.abs(event.clientX - pressed[0]) + Math.abs(event.clientY - pressed[1]) > 4) return;
      focus(cell);
      choose(cell);
    };
  }
  bar();
  style();
  const told = data.pager && `Now ${data.pager.rows} in all, page ${data.pager.page + 1} of ${data.pager.pages}`;
  // A screen reader hears what has changed.
  if (look.told !== undefined && look.told !== told) said.textContent = told ?? '';
  look.told = told;
  refocus(focused);
  if (data.whole && look.whole !== data.whole.number) {
    look.whole = data.whole.number;
    show(data.whole.title, make('pre', data.whole.text));
  }
}
