"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const PAGE_ROWS = 50;
  const FILTER_ABOVE = 8; // rows: a shorter table is seen at once
  const data = JSON.parse(document.getElementById("data").textContent);

  // --- elements ---------------------------------------------------------------------

  function put(parent, tag, attributes = {}, text = "") {
    const drawn = parent instanceof SVGElement || tag === "svg";
    const one = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    if (text !== "") one.textContent = text;
    parent.append(one);
    return one;
  }

  function lazily(make) {
    let made;
    return () => (made ??= make());
  }

  // --- tables of the page ---------------------------------------------------------------

  // The cells are the texts of the CSV files, so that nothing is rounded on the way.
  function read(table) {
    const columns = table.columns.map((column) => {
      if (column.kind !== "text") return column.values.split(" ");
      return column.codes.split(" ").map((code) => column.levels[Number(code)]);
    });
    return Array.from({ length: table.rows }, (_, row) => columns.map((c) => c[row]));
  }

  const wordsOf = (column, value) => (data.words[column] || {})[value] || value;

  const titlesOf = (id) =>
    [id, ...id.split("+")].map((one) => data.titles[one]).filter(Boolean).join("; ");

  function csv(head, rows) {
    const quoted = (cell) =>
      /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    return [head, ...rows].map((row) => row.map(quoted).join(",") + "\n").join("");
  }

  // Sorts texts by their numbers: missing ones last, in either direction.
  function sorted(rows, cell, direction, numeric) {
    const key = (row) => (numeric ? firstNumber(cell(row)) : cell(row));
    const missing = (one) => (numeric ? Number.isNaN(one) : one === "" || one === "–");
    const order = new Intl.Collator("en", { numeric: true });
    return rows
      .map((row) => [key(row), row])
      .sort(([a], [b]) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        return direction * (numeric ? a - b : order.compare(a, b));
      })
      .map(([, row]) => row);
  }

  function firstNumber(text) {
    const plain = text.replaceAll("−", "-").replace(/(\d),(?=\d{3})/g, "$1");
    const found = /[<>]?\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(plain);
    if (!found) return NaN;
    const nudge = { "<": -1e-9, ">": 1e-9 }[found[0][0]] || 0;
    return Number(found[1]) + nudge;
  }

  // Makes buttons of the heads; `sort` is called with the column and 1 or -1.
  function sortable(head, sort) {
    head.forEach((cell, column) => {
      if (cell.querySelector("a") || !cell.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      cell.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const up = cell.getAttribute("aria-sort") !== "ascending";
        for (const other of head) {
          if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        }
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(column, up ? 1 : -1);
      });
    });
  }

  let boxes = 0;

  // Puts a search box, a count and the two ways out above a table.
  function tools(before, name, { search, text }) {
    const bar = document.createElement("div");
    bar.className = "tools";
    before.before(bar);
    const id = `search.${(boxes += 1)}`;
    put(bar, "label", { for: id }, "Search");
    const box = put(bar, "input", { id, type: "search", autocomplete: "off" });
    const count = put(bar, "span", { role: "status" });
    const copy = put(bar, "button", { type: "button" }, "Copy CSV");
    const save = put(bar, "button", { type: "button" }, "Download CSV");
    for (const button of [copy, save]) {
      button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    }
    box.setAttribute("aria-label", `Search: ${name}`);
    box.addEventListener("input", () => search(box.value.trim().toLowerCase()));
    copy.addEventListener("click", async () => {
      const done = await copied(text());
      copy.textContent = done ? "Copied" : "Not copied";
      setTimeout(() => (copy.textContent = "Copy CSV"), 2000);
    });
    save.addEventListener("click", () => download(`${name}.csv`, text()));
    return { bar, count };
  }

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = put(document.body, "textarea", { "aria-label": "Text to copy" });
      area.value = text;
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  function download(name, text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = put(document.body, "a", { href: address, download: name, hidden: "" });
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  // --- tables to search ------------------------------------------------------------------

  function browse(section) {
    const name = section.dataset.table;
    const table = data.tables[name];
    const all = read(table);
    const found = lazily(() => all.map((row) => ({ row, text: searched(table, row) })));
    let shown = all;
    let first = 0;
    let order = null;
    const box = put(section, "div", {
      class: "scroll", tabindex: "0", role: "region",
      "aria-labelledby": `title.${name}`,
    });
    const { bar, count } = tools(box, name, {
      search: (words) => {
        const hits = found().filter(({ text }) => words.split(/\s+/).every((w) => text.includes(w)));
        shown = hits.map(({ row }) => row);
        arrange();
      },
      text: () => csv(table.columns.map((column) => column.name), shown),
    });
    const back = put(bar, "button", { type: "button" }, "Previous");
    const next = put(bar, "button", { type: "button" }, "Next");
    back.addEventListener("click", () => turn(-PAGE_ROWS));
    next.addEventListener("click", () => turn(PAGE_ROWS));
    const frame = put(box, "table");
    put(frame, "caption", { class: "unseen" }, section.querySelector("h3").textContent);
    const heads = put(put(frame, "thead"), "tr");
    const head = table.columns.map((column) =>
      put(heads, "th", { scope: "col", title: column.meaning, ...side(column) }, column.name.replaceAll("_", " ")),
    );
    const body = put(frame, "tbody");
    sortable(head, (column, direction) => {
      order = [column, direction, table.columns[column].kind !== "text"];
      arrange();
    });
    arrange();

    function arrange() {
      if (order) shown = sorted(shown, (row) => row[order[0]], order[1], order[2]);
      first = 0;
      fill();
    }

    function turn(by) {
      first += by;
      fill();
    }

    function fill() {
      const rows = shown.slice(first, first + PAGE_ROWS);
      body.replaceChildren();
      for (const row of rows) {
        const line = put(body, "tr");
        row.forEach((value, column) => cell(line, table.columns[column], value, column));
      }
      back.disabled = first === 0;
      next.disabled = first + PAGE_ROWS >= shown.length;
      const of = shown.length === all.length ? "" : ` (of ${all.length.toLocaleString("en")})`;
      const range = shown.length ? `${first + 1}–${first + rows.length} of ` : "";
      count.textContent = `${range}${shown.length.toLocaleString("en")} rows${of}`;
    }
  }

  const side = (column) => ({ class: column.kind === "text" ? "t" : "n" });

  function searched(table, row) {
    const words = table.columns.map((column, place) =>
      column.kind === "text" ? `${row[place]} ${wordsOf(column.name, row[place])}` : row[place],
    );
    const id = table.columns.findIndex((column) => column.name === "event_id");
    return `${words.join(" ")} ${id < 0 ? "" : titlesOf(row[id])}`.toLowerCase();
  }

  function cell(line, column, value, place) {
    const attributes = { ...side(column), ...(place ? {} : { scope: "row" }) };
    if (column.kind === "float" && value !== "") attributes.title = value;
    const text = column.kind === "text" ? wordsOf(column.name, value) : rounded(value, column.kind);
    const one = put(line, place ? "td" : "th", attributes, text || "–");
    if (column.name === "event_id") put(one, "small", {}, titlesOf(value));
  }

  function rounded(value, kind) {
    if (value === "" || kind === "whole") return value.replace("-", "−");
    const number = Number(value);
    const text = Math.abs(number) < 5e-5 ? number.toPrecision(2) : number.toFixed(4);
    return text.replace("-", "−");
  }

  // --- tables of the text ----------------------------------------------------------------

  function enhance(box) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    if (!body || body.rows.length < 3) return;
    const rows = [...body.rows];
    const head = [...table.tHead.rows[0].cells];
    const names = head.map(written);
    const texts = lazily(() => new Map(rows.map((row) => [row, [...row.cells].map(written)])));
    let shown = rows;
    const numeric = head.map((cell) => cell.classList.contains("n"));
    sortable(head, (column, direction) => {
      const order = sorted(rows, (row) => texts().get(row)[column], direction, numeric[column]);
      shown = order.filter((row) => !row.hidden);
      body.append(...order);
    });
    if (rows.length <= FILTER_ABOVE) return;
    const { count } = tools(box, table.caption.textContent, {
      search: (words) => {
        const wanted = words.split(/\s+/);
        for (const row of rows) {
          const text = texts().get(row).join(" ").toLowerCase();
          row.hidden = !wanted.every((word) => text.includes(word));
        }
        shown = [...body.rows].filter((row) => !row.hidden);
        count.textContent = `${shown.length} of ${rows.length} rows`;
      },
      text: () => csv(names, shown.map((row) => texts().get(row))),
    });
    count.textContent = `${rows.length} rows`;
  }

  function written(cell) {
    const copy = cell.cloneNode(true);
    for (const line of copy.querySelectorAll("br")) line.replaceWith(" ");
    return copy.textContent.replaceAll("\u00a0", " ").trim();
  }

  // --- marks of figures ------------------------------------------------------------------

  const tip = document.getElementById("tip");

  function show(mark, text) {
    tip.textContent = text.replaceAll("; ", "\n");
    tip.hidden = false;
    const at = mark.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(8, at.left + at.width / 2 - tip.offsetWidth / 2), width - tip.offsetWidth - 8);
    const above = at.top - tip.offsetHeight - 8;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above < 0 ? at.bottom + 8 : above) + scrollY}px`;
  }

  const hide = () => (tip.hidden = true);

  // One tab stop a figure; arrow keys go from mark to mark.
  function pointable(plot) {
    const marks = [...plot.querySelectorAll(".mark")];
    const texts = marks.map((mark) => {
      const title = mark.querySelector(":scope > title");
      const text = title.textContent;
      title.remove(); // the browser's own tip would cover ours
      const named = mark.closest("a") ?? mark;
      const seen = named.textContent.trim();
      named.setAttribute("aria-label", seen ? `${seen}: ${text}` : text);
      if (named === mark) mark.setAttribute("role", "img");
      return text;
    });
    for (const link of plot.querySelectorAll("a")) link.setAttribute("tabindex", "-1");
    marks.forEach((mark, place) => {
      mark.addEventListener("pointerenter", () => show(mark, texts[place]));
      mark.addEventListener("pointerleave", hide);
      mark.addEventListener("click", () => show(mark, texts[place]));
    });
    plot.points = { marks, texts, at: -1 };
    if (marks.length) plot.setAttribute("aria-description", "Arrow keys go from mark to mark");
    if (plot.listens) return;
    plot.listens = true;
    plot.addEventListener("keydown", (event) => walk(plot.points, event));
    plot.addEventListener("blur", () => {
      for (const mark of plot.points.marks) mark.classList.remove("current");
      hide();
    });
  }

  function walk(points, event) {
    const { marks, texts } = points;
    if (event.key === "Escape") hide();
    if (event.key === "Enter" && marks[points.at]?.closest("a")) {
      location.hash = marks[points.at].closest("a").getAttribute("href");
    }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !marks.length) return;
    event.preventDefault();
    marks[points.at]?.classList.remove("current");
    points.at = Math.min(Math.max(points.at + step, 0), marks.length - 1);
    const mark = marks[points.at];
    mark.classList.add("current");
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
    show(mark, texts[points.at]);
  }

  // --- averages by choice ----------------------------------------------------------------

  const QUESTIONS = {
    these: { words: "on these dates", columns: ["estimate", "ci_low_these", "ci_high_these", "pvalue_these", "test_these"] },
    such: { words: "of such announcements", columns: ["estimate_such", "ci_low_such", "ci_high_such", "pvalue_such", "test_such"] },
  };
  const SAMPLES = { headline: "headline sample", all: "all announcements" };
  const ALL = "";

  function explore(section) {
    const table = data.tables.headline;
    const names = table.columns.map((column) => column.name);
    const rows = read(table)
      .map((row) => Object.fromEntries(row.map((value, place) => [names[place], value])))
      .filter((row) => row.outcome === "car")
      .map((row) => ({ ...row, window: windowText(row.start, row.end) }));
    const selects = [...section.querySelectorAll("select")];
    const chosen = () => Object.fromEntries(selects.map((one) => [one.dataset.choice, one.value]));
    for (const select of selects) offer(select, rows);
    const chart = document.getElementById("explore.chart");
    const count = document.getElementById("explore.count");
    const redraw = () => {
      const choice = chosen();
      const asked = choice.question === ALL ? Object.keys(QUESTIONS) : [choice.question];
      const held = rows.filter((row) =>
        ["sample", "group", "model", "window"].every((name) => choice[name] === ALL || row[name] === choice[name]),
      );
      const lines = held.flatMap((row) => asked.map((question) => effect(row, question, choice)));
      const kept = lines.filter((line) => line.estimate !== null);
      hide();
      draw(chart, kept);
      pointable(chart);
      const missing = lines.length - kept.length;
      count.textContent = `${kept.length} ${kept.length === 1 ? "average" : "averages"}` +
        (missing ? `; ${missing} without an answer to the question` : "");
    };
    for (const select of selects) select.addEventListener("change", redraw);
    section.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(chart.clientWidth - width) < 2) return;
      width = chart.clientWidth;
      redraw();
    }).observe(chart);
  }

  function windowText(start, end) {
    const signed = (text) => (Number(text) > 0 ? `+${text}` : text);
    return `[${signed(start)},${signed(end)}]`;
  }

  function offer(select, rows) {
    const name = select.dataset.choice;
    const add = (value, words) => put(select, "option", { value }, words);
    if (name === "question") {
      add("these", "On these dates");
      add("such", "Of such announcements");
      add(ALL, "Both");
      return;
    }
    const values = [...new Set(rows.map((row) => row[name]))];
    if (name !== "sample" && values.length > 1) add(ALL, "All");
    for (const value of values) add(value, name === "sample" ? SAMPLES[value] || value : wordsOf(name, value));
    if (name === "window") {
      const main = windowText(...data.window.map(String));
      if (values.includes(main)) select.value = main;
    } else if (name === "model") {
      select.value = values[0];
    }
  }

  const change = (text) => (data.log ? Math.expm1(Number(text)) : Number(text)) * 100;

  function effect(row, question, choice) {
    const { words, columns } = QUESTIONS[question];
    const [estimate, low, high, pvalue, test] = columns.map((name) => row[name]);
    const label = [wordsOf("group", row.group)];
    if (choice.model === ALL) label.push(wordsOf("model", row.model));
    if (choice.window === ALL) label.push(row.window);
    if (choice.question === ALL) label.push(words);
    const number = (text) => (text === "" ? null : change(text));
    const ends = low === "" || high === "" ? null : [number(low), number(high)];
    return {
      question, estimate: number(estimate), ends, label: label.join(" · "),
      told: pvalue !== "" && Number(pvalue) < data.alpha,
      text:
        `${wordsOf("group", row.group)}, ${wordsOf("model", row.model)}, ${row.window}, ${words}: ` +
        `${percent(number(estimate))}` +
        (ends ? ` [${percent(ends[0])}, ${percent(ends[1])}]` : "") +
        `\n${columns[0]} ${estimate}` +
        (ends ? `\n${data.level} interval ${low} to ${high}` : "") +
        (pvalue === "" ? "" : `\np ${pvalue}${test ? ` by ${test}` : ""}`) +
        `\n${row.n} observations, ${row.n_dates} dates`,
    };
  }

  const percent = (value) =>
    `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)} %`;

  const ROW = 30;

  function draw(chart, lines) {
    chart.replaceChildren();
    if (!lines.length) return;
    const width = Math.max(280, chart.clientWidth);
    const narrow = width < 640;
    const left = narrow ? 8 : Math.min(340, width * 0.42);
    const right = 64;
    const row = narrow ? 44 : ROW;
    const scale = axis(lines, left, width - right);
    const height = lines.length * row + 34;
    const svg = put(chart, "svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${lines.length} average effects with their intervals` });
    for (const tick of scale.ticks) {
      const x = scale.of(tick);
      put(svg, "line", { x1: x, x2: x, y1: 4, y2: height - 26, class: tick === 0 ? "zero" : "axis" });
      put(svg, "text", { x, y: height - 10, class: "tick middle" }, `${percent(tick).replace(/\.0(?= )/, "")}`);
    }
    lines.forEach((line, place) => {
      const y = place * row + (narrow ? 32 : 20);
      const group = put(svg, "g", { class: `mark ${line.question}` });
      put(group, "title", {}, line.text);
      put(group, "rect", { x: 0, y: place * row + 4, width, height: row - 2, class: "hit" });
      put(group, "text", { x: 0, y: narrow ? y - 14 : y + 4, class: "label", stroke: "none" }, line.label);
      if (line.ends) {
        const [low, high] = line.ends.map((end) => scale.of(scale.within(end)));
        put(group, "line", { x1: low, x2: high, y1: y, y2: y, class: "interval" });
      }
      put(group, "circle", { cx: scale.of(scale.within(line.estimate)), cy: y, r: 5, class: line.told ? "point" : "point hollow" });
      put(group, "text", { x: width, y: y + 4, class: "label value", stroke: "none" }, percent(line.estimate));
    });
  }

  // An axis around zero; an interval that is far wider than the others is cut.
  function axis(lines, from, to) {
    const reach = lines.map((line) => Math.max(...[line.estimate, ...(line.ends || [])].map(Math.abs)));
    const usual = reach.toSorted((a, b) => a - b)[Math.floor((lines.length - 1) / 2)];
    const cut = Math.max(4 * usual, ...lines.map((line) => Math.abs(line.estimate)));
    const values = lines.flatMap((line) => [line.estimate, ...(line.ends || [])]);
    const low = Math.max(Math.min(0, ...values), -cut);
    const high = Math.min(Math.max(0, ...values), cut);
    const raw = (high - low || 1) / (to - from > 400 ? 7 : 4);
    const base = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * base).find((one) => one >= raw);
    const ticks = [];
    for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push(k * step);
    const of = (value) => from + ((value - low) / (high - low || 1)) * (to - from);
    return { ticks, of, within: (value) => Math.min(Math.max(value, low), high) };
  }

  // --- folded parts ----------------------------------------------------------------------

  function reveal() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    for (let one = place.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
    place.scrollIntoView();
  }

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
  addEventListener("hashchange", reveal);
  addEventListener("keydown", (event) => event.key === "Escape" && hide());

  for (const one of document.querySelectorAll(".scripted")) one.hidden = false;
  for (const box of document.querySelectorAll(".scroll")) enhance(box);
  for (const plot of document.querySelectorAll("figure .plot")) pointable(plot);
  for (const section of document.querySelectorAll(".browse")) browse(section);
  for (const section of document.querySelectorAll("#explore")) explore(section);
  if (location.hash) reveal();
})();
