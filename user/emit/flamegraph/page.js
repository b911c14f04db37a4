// Draws the profile that stands in this page. All that it shows of names goes through textContent: no name is markup.
"use strict";
(() => {
// What would not be seen, or turn the direction of writing around, is shown as an escape, as in hotref's other output.
const unseen = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const escaped = text => text.replace(unseen, character => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"));
const data = JSON.parse(document.getElementById("profile").textContent,
                        (_, value) => typeof value === "string" ? escaped(value) : value);
const byId = id => document.getElementById(id);
const LINE = 20;            // pixels from one depth to the next
const LEAST = 1;            // pixels that a frame takes to be drawn: more than this
const MOVE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250; // milliseconds from one picture to the next
const MANY = 2000;          // frames that are not drawn anew for each letter of a search
const KINDS = ["note", "python", "function", "object"];
const TIP_TEXT = 400;       // characters of a name in the tip: the panel of the row has all
const differential = data.sides === 2;

const usualMetric = data.metrics.findIndex(metric => metric.key === data.metric);
const state = {metric: usualMetric, layout: "after", zoom: null,
               selected: -1, query: "", current: null};

// Profiles of different lengths are compared by counts for each second, or unit of work, or percent of all.
const divided = (value, side) => data.divisor[side] ? value / data.divisor[side] : value;
for (const row of data.rows)
    row.values = row.values.map((values, side) => values && values.map(value => divided(value, side)));

// The tree. Parents stand before their children; sums[side][metric] are of a node and all below it.
const nodes = data.nodes.map(([parent, kind, name, place, row, ...own], number) => ({
    number, parent, kind, name: data.texts[name], place: data.texts[place], row, children: [], depth: 0,
    sums: Array.from({length: data.sides}, (_, side) =>
        Float64Array.from(own[side] || new Array(data.metrics.length).fill(0), value => divided(value, side))),
}));
const leaves = data.rows.map(() => []);
for (let i = nodes.length - 1; i > 0; i--) {
    const node = nodes[i], parent = nodes[node.parent];
    parent.children.push(node);
    node.sums.forEach((sums, side) => sums.forEach((value, metric) => { parent.sums[side][metric] += value; }));
    if (node.row >= 0)
        leaves[node.row].push(node);
}
for (const node of nodes.slice(1))
    node.depth = nodes[node.parent].depth + 1;
const root = nodes[0];
// The side that has more shows more of what changed.
if (differential && root.sums[0][state.metric] > root.sums[1][state.metric])
    state.layout = "before";

const parentOf = node => node === root ? null : nodes[node.parent];
function isWithin(node, above)
{
    while (node && node.depth > above.depth)
        node = parentOf(node);
    return node === above;
}

// Numbers, as people read them.
const format = new Intl.NumberFormat("en", data.unit ? {maximumSignificantDigits: 4} : {maximumFractionDigits: 0});
const grouped = number => format.format(number);
function share(part, whole)
{
    if (!whole)
        return "0 %";
    const percent = 100 * part / whole;
    if (part > 0 && percent < 0.1)
        return "under 0.1 %";
    return percent.toFixed(percent < 10 && percent > 0 ? 1 : 0) + " %";
}
function change(before, after)
{
    if (!before)
        return after ? "new" : "none";
    if (!after)
        return "gone";
    if (Math.abs(after - before) <= data.alike * Math.max(before, after))
        return "same";
    const percent = Math.round(100 * (after - before) / before);
    return percent ? (percent > 0 ? "+" : "−") + grouped(Math.abs(percent)) + " %" : "±0 %";
}
function shortened(text)
{
    return text.length > TIP_TEXT ? `${text.slice(0, TIP_TEXT)}… (${grouped(text.length)} characters)` : text;
}

function weigh(before, after)
{
    return {before, after, both: before + after}[state.layout];
}
function weight(node)
{
    const [before, after] = node.sums.map(sums => sums[state.metric]);
    return differential ? weigh(before, after) : before;
}

function element(name, text, className)
{
    const made = document.createElement(name);
    if (text !== undefined)
        made.textContent = text;
    if (className)
        made.className = className;
    return made;
}

// What is counted, in words.
const unit = () => data.unit && state.metric === usualMetric ? data.unit : data.metrics[state.metric].key;

const nameOf = node => node === root ? `all: ${grouped(node.weight)} ${unit()}` : node.name;
// The heaviest to the left, equal ones by name.
const heavier = (a, b) => b.weight - a.weight || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function hash(text)
{
    let sum = 7;
    for (let i = 0; i < text.length; i++)
        sum = (sum * 31 + text.charCodeAt(i)) >>> 0;
    return sum;
}
// Python frames by file, cool; objects by name, warm.
function hue(node)
{
    if (node.kind === 1)
        return 170 + hash(node.place.replace(/:\d+$/, "")) % 110;
    return 8 + hash(node.name) % 42;
}
function moved(node)
{
    const before = node.sums[0][state.metric], after = node.sums[1][state.metric];
    return change(before, after) === "same" || before === after ? 0 : (after - before) / Math.max(before, after);
}
function kindOf(node)
{
    if (!differential)
        return KINDS[node.kind];
    return moved(node) > 0 ? "grew" : moved(node) < 0 ? "shrank" : "same";
}
// As CSS, so that light and dark have their own.
function colour(node)
{
    const kind = kindOf(node);
    if (kind === "python" || kind === "object")
        return `hsl(${hue(node)} var(--${kind}-s) var(--${kind}-l))`;
    if (kind === "grew" || kind === "shrank")
        return `color-mix(in oklab, var(--${kind}) ${(100 * Math.abs(moved(node))).toFixed(1)}%, var(--neutral))`;
    return {function: "var(--c)", same: "var(--neutral)"}[kind] || "var(--note)";
}

function spoken(node)
{
    if (differential) {
        const [before, after] = node.sums.map(sums => sums[state.metric]);
        return `${node.name}: ${grouped(before)} → ${grouped(after)} ${unit()}, ${change(before, after)}`;
    }
    return `${node.name}: ${grouped(node.weight)} ${unit()}, ${share(node.weight, root.weight)}`;
}

// Drawing is d3-flame-graph's: it lays frames out, zooms, searches and moves. Each of its elements has its hierarchy's
// node, whose data is a node of ours; the other way there is node.placed.
const frames = byId("frames");
const drawn = new Map();
const chart = d3.flamegraph().inverted(true).cellHeight(LINE).minFrameSize(LEAST).resetHeightOnZoom(true)
    .transitionDuration(MOVE).sort((a, b) => heavier(a.data, b.data))
    .getName(placed => nameOf(placed.data)).getValue(thing => (thing.data || thing).weight).getChildren(node => node.children)
    .setColorMapper(placed => colour(placed.data)).setSearchMatch(placed => matches(placed.data))
    .setSearchHandler(found).onClick(placed => zoomed(placed.data))
    .tooltip(Object.assign(() => {}, {show: (event, placed) => showTip(placed.data, event.clientX, event.clientY), hide: hideTip}));

// In place of what is too narrow, which stands behind what is not.
function drawRest(svg, node)
{
    const width = frames.clientWidth, hidden = node.placed.children.filter(child => child.value && !drawn.has(child.data.number));
    const left = hidden.length && hidden[0].x0 * width, right = hidden.length && hidden[hidden.length - 1].x1 * width;
    if (right - left < LEAST)
        return;
    svg.append("rect").attr("class", "rest").attr("x", left).attr("y", (node.depth + 1) * LINE)
        .attr("width", Math.max(LEAST, right - left - 1)).attr("height", LINE - 1)
        .append("title").text(`${grouped(hidden.length)} frame${hidden.length === 1 ? " is" : "s are"} too narrow to draw:`
                              + " zoom into what is above");
}
function describeFrame(shape, node)
{
    shape.classList.add(kindOf(node));
    shape.tabIndex = -1;
    shape.setAttribute("role", "treeitem");
    shape.setAttribute("aria-level", node.depth + 1);
    shape.setAttribute("aria-label", spoken(node));
    drawn.set(node.number, shape);
}
// After each of its drawings: what it has no notion of.
function complete()
{
    const svg = d3.select(frames).select("svg");
    drawn.clear();
    svg.selectAll("g").each(function(placed) { describeFrame(this, placed.data); });
    svg.selectAll(".rest").remove();
    for (const number of drawn.keys()) {
        if (nodes[number].placed.children)
            drawRest(svg, nodes[number]);
    }
    if (!state.current || !drawn.has(state.current.number))
        state.current = state.zoom;
    drawn.get(state.current.number).tabIndex = 0;
    mark();
}

// The row's frames with all that is above them, and what the search found.
function mark()
{
    const path = new Set();
    for (let node of state.selected < 0 ? [] : leaves[state.selected]) {
        for (; node && !path.has(node.number); node = parentOf(node))
            path.add(node.number);
    }
    frames.classList.toggle("selecting", state.selected >= 0);
    frames.classList.toggle("searching", state.query !== "" && state.selected < 0);
    for (const [number, shape] of drawn) {
        const chosen = state.selected >= 0 && nodes[number].row === state.selected;
        shape.classList.toggle("onpath", path.has(number));
        shape.classList.toggle("selected", chosen);
        shape.classList.toggle("match", nodes[number].placed.highlight === true);
        shape.setAttribute("aria-selected", chosen);
    }
}

// Search: any part of a name or a file, whatever its case.
const lower = text => text.toLowerCase();
const matches = node => state.query !== "" && node !== root
    && (lower(node.name).includes(state.query) || lower(node.place).includes(state.query));
function found(results, sum)
{
    const count = results.length;
    byId("found").textContent = !state.query ? "" : count
        ? `${grouped(count)} frame${count === 1 ? "" : "s"}, ${share(sum, root.weight)}` : "nothing found";
}
function search(query)
{
    state.query = lower(query.trim());
    chart.search(state.query);
    for (const node of nodes)
        node.below = node.placed.highlight || (node !== root && parentOf(node).below);
    complete();
    filterRows();
}
function rowMatches(number)
{
    const row = data.rows[number];
    return [row.type, row.field, row.object, row.function, row.place].some(text => lower(text).includes(state.query))
        || leaves[number].some(leaf => leaf.below);
}

// The table.
const body = byId("rows");
let lines = [];
function columns()
{
    const heading = data.metrics[state.metric].heading;
    const values = differential ? ["BEFORE", "AFTER", "CHANGE"] : [heading];
    return [...["#", ...values, "THREADS"].map(text => [text, true]),
            ...["OBJECT", "FIELD", "LINE", "TYPE", "FUNCTION"].map(text => [text, false])];
}
// As hotref report orders rows, and numbers them, unless other weights were chosen.
const valueOf = (row, side) => row.values[side] ? row.values[side][state.metric] : 0;
function rank(a, b)
{
    if (state.metric === usualMetric)
        return a - b;
    const value = row => differential ? Math.abs(valueOf(row, 1) - valueOf(row, 0)) : valueOf(row, 0);
    return value(data.rows[b]) - value(data.rows[a]) || a - b;
}
function cells(row)
{
    const [before, after] = [valueOf(row, 0), valueOf(row, 1)];
    const numbers = differential ? [grouped(before), grouped(after), change(before, after)] : [grouped(before)];
    const threads = new Set(row.threads).size === 1 ? row.threads[0] : row.threads.join(" → ");
    return [...numbers, threads, row.object, row.field, row.place, row.type, row.function];
}
function fillTable()
{
    const head = element("tr"), numbers = columns().filter(column => column[1]).length;
    head.append(...columns().map(([text, number]) => {
        const cell = element("th", text, number ? "number" : "");
        cell.scope = "col";
        return cell;
    }));
    byId("head").replaceChildren(head);
    lines = [];
    body.replaceChildren(...data.rows.map((_, number) => number).sort(rank).map((number, place) => {
        const line = element("tr");
        line.append(...[grouped(place + 1), ...cells(data.rows[number])].map((text, column) => {
            const cell = element("td", text, column < numbers ? "number" : "");
            if (column >= numbers)
                cell.title = shortened(text);
            return cell;
        }));
        line.dataset.row = number;
        line.tabIndex = place ? -1 : 0;
        lines[number] = line;
        return line;
    }));
    markLine();
    filterRows();
}
function filterRows()
{
    const outside = number => state.zoom !== root && !leaves[number].some(leaf => isWithin(leaf, state.zoom));
    lines.forEach((line, number) => {
        line.hidden = state.query !== "" && !rowMatches(number);
        line.classList.toggle("outside", outside(number));
    });
}
function markLine()
{
    lines.forEach((line, number) => line.setAttribute("aria-selected", number === state.selected));
}

// What is known of a row, in full.
function facts(pairs)
{
    const list = element("dl", undefined, "facts");
    for (const [name, value] of pairs) {
        if (value)
            list.append(element("dt", name), element("dd", value));
    }
    return list;
}
const figures = sums => data.metrics.map((metric, number) => [metric.key, sums(number)]);
function describeRow()
{
    const panel = byId("row"), row = data.rows[state.selected];
    panel.replaceChildren();
    if (!row)
        return;
    const remedy = data.remedies[row.remedy];
    panel.append(element("h2", `${row.field || "unknown field"}: ${row.object}`));
    if (remedy)
        panel.append(element("p", remedy.summary, "remedy"));
    panel.append(facts([
        ["type", row.type], ["line", row.place], ["C function", row.function], ["owner", row.owner],
        ["stall", row.stall && row.stall + " of CPU time"], ...figures(metric => differential
            ? `${grouped(row.values[0] ? row.values[0][metric] : 0)} → ${grouped(row.values[1] ? row.values[1][metric] : 0)}`
            : grouped(row.values[0][metric])),
    ]), facts([["threads", row.names.join(", ")]]));
    if (!remedy)
        return;
    const advice = element("ul");
    advice.append(...remedy.advice.map(text => element("li", text)));
    panel.append(element("p", remedy.what), advice);
}

function select(number)
{
    state.selected = number === state.selected ? -1 : number;
    const chosen = state.selected < 0 ? [] : leaves[state.selected];
    if (chosen.length && !chosen.some(leaf => isWithin(leaf, state.zoom)))
        zoomTo(root);
    markLine();
    describeRow();
    mark();
}
function zoomed(node)
{
    state.zoom = node;
    state.current = node;
    complete();
    filterRows();
}
function zoomTo(node)
{
    const hadFocus = frames.contains(document.activeElement);
    chart.zoomTo((node.weight ? node : root).placed);
    if (hadFocus && !frames.contains(document.activeElement))
        drawn.get(state.current.number).focus({preventScroll: true});
}
function choose(node)
{
    if (node.row < 0 || node.row === state.selected)
        return;
    select(node.row);
    lines[node.row].scrollIntoView({block: "nearest"});
}

// The tip, at the pointer or at the frame that has the focus.
const tip = byId("tip");
function describe(node)
{
    const row = data.rows[node.row], remedy = row && data.remedies[row.remedy];
    tip.replaceChildren(element("b", shortened(node === root ? "all" : node.name)));
    if (node.place)
        tip.append(element("div", shortened(node.place), "place"));
    tip.append(facts(figures(metric => {
        const [before, after] = node.sums.map(sums => sums[metric]);
        if (differential)
            return before || after ? `${grouped(before)} → ${grouped(after)} (${change(before, after)})` : "";
        return before ? `${grouped(before)} (${share(before, root.sums[0][metric])} of all)` : "";
    })));
    if (row)
        tip.append(facts([["threads", shortened(row.names.join(", "))], ["owner", row.owner], ["stall", row.stall && row.stall + " of CPU time"],
            ["seen in", row.function]]));
    if (remedy)
        tip.append(element("div", remedy.summary, "remedy"));
}
function showTip(node, x, y)
{
    describe(node);
    tip.hidden = false;
    tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - tip.offsetWidth - 8)) + "px";
    const below = y + 18 + tip.offsetHeight <= innerHeight;
    tip.style.top = (below ? y + 18 : Math.max(4, y - tip.offsetHeight - 12)) + "px";
}
function hideTip()
{
    tip.hidden = true;
}

function nodeAt(target)
{
    const shape = target.closest(".frame");
    return shape ? d3.select(shape).datum().data : null;
}
frames.addEventListener("click", event => {
    const node = nodeAt(event.target);
    if (node)
        choose(node);
});
frames.addEventListener("focusin", event => {
    const node = nodeAt(event.target), box = event.target.getBoundingClientRect();
    if (node && event.target.matches(":focus-visible"))
        showTip(node, Math.max(box.left, 0), box.bottom - 12);
});
frames.addEventListener("focusout", hideTip);

function moveTo(node)
{
    const shape = node && drawn.get(node.number);
    if (!shape)
        return;
    drawn.get(state.current.number).tabIndex = -1;
    state.current = node;
    shape.tabIndex = 0;
    shape.focus();
}
function beside(node, step)
{
    const level = [...drawn.keys()].map(number => nodes[number]).filter(other => other.depth === node.depth);
    level.sort((a, b) => a.placed.x0 - b.placed.x0);
    return level[level.indexOf(node) + step];
}
const moves = {
    ArrowUp: parentOf,
    ArrowDown: node => (node.placed.children || []).map(placed => placed.data).find(child => drawn.has(child.number)),
    ArrowLeft: node => beside(node, -1),
    ArrowRight: node => beside(node, 1),
    Home: () => root,
};
frames.addEventListener("keydown", event => {
    const node = nodeAt(event.target);
    if (!node || event.ctrlKey || event.altKey || event.metaKey)
        return;
    if (moves[event.key])
        moveTo(moves[event.key](node));
    else if (event.key === "Enter" || event.key === " ") {
        zoomTo(node);
        choose(node);
    } else
        return;
    event.preventDefault();
});

const lineAt = target => target.closest("tr[data-row]");
body.addEventListener("click", event => {
    const line = lineAt(event.target);
    if (line)
        select(Number(line.dataset.row));
});
body.addEventListener("keydown", event => {
    const line = lineAt(event.target), step = {ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling"}[event.key];
    let next = step && line[step];
    while (next && next.hidden)
        next = next[step];
    if (next) {
        line.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
        select(Number(line.dataset.row));
    } else if (!step) {
        return;
    }
    event.preventDefault();
});

// One thing after the other.
function clear()
{
    const box = byId("search");
    if (!tip.hidden)
        hideTip();
    else if (state.selected >= 0)
        select(state.selected);
    else if (box.value) {
        box.value = "";
        search("");
    } else
        zoomTo(root);
}
document.addEventListener("keydown", event => {
    if (event.key === "Escape") {
        clear();
        event.preventDefault();
    } else if (event.key === "/" && !event.target.matches("input, select")) {
        byId("search").focus();
        event.preventDefault();
    }
});

// Many frames take longer to draw than a letter to type.
let typed = 0;
byId("search").addEventListener("input", event => {
    clearTimeout(typed);
    if (drawn.size < MANY)
        search(event.target.value);
    else
        typed = setTimeout(() => search(event.target.value), 200);
});
byId("whole").addEventListener("click", () => zoomTo(root));

function weighAll()
{
    for (const node of nodes)
        node.weight = weight(node);
}
function rearrange()
{
    weighAll();
    if (!state.zoom.weight)
        zoomTo(root);
    fillTable();
    search(byId("search").value);
}
byId("metric").append(...data.metrics.map((metric, number) => {
    const option = element("option", metric.key + (metric.exact ? "" : " (as observed)"));
    option.value = number;
    option.title = metric.meaning;
    return option;
}));
byId("metric").value = state.metric;
byId("metric").addEventListener("change", event => {
    state.metric = Number(event.target.value);
    rearrange();
});
byId("layout-label").hidden = !differential;
byId("layout").value = state.layout;
byId("layout").addEventListener("change", event => {
    state.layout = event.target.value;
    rearrange();
});

const theme = byId("theme");
function isDark()
{
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function showTheme()
{
    theme.setAttribute("aria-pressed", isDark());
}
theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);

const legend = differential
    ? [["more", "var(--grew)"], ["less", "var(--shrank)"], ["same", "var(--neutral)"]]
    : [["Python", "hsl(210 var(--python-s) var(--python-l))"], ["C function", "var(--c)"],
       ["object", "hsl(22 var(--object-s) var(--object-l))"]];
byId("legend").append(...legend.map(([text, swatch]) => {
    const made = element("span", text);
    made.style.setProperty("--swatch", swatch);
    return made;
}));

byId("verdict").textContent = data.verdict;
byId("notes").append(...data.notes.map(text => element("li", text)));
state.zoom = root;
showTheme();
weighAll();
chart.width(frames.clientWidth);
d3.select(frames).datum(root).call(chart).select("svg").attr("role", "presentation");
d3.select(frames).datum().each(placed => { placed.data.placed = placed; });
complete();
fillTable();
let width = frames.clientWidth;
new ResizeObserver(() => {
    if (frames.clientWidth !== width) {
        width = frames.clientWidth;
        chart.width(width).update();
        complete();
    }
}).observe(frames);
})();
