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
const LEAST = 1;            // pixels that a frame takes at least to be drawn
const TEXT = 24;            // and to have its name in it
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

// Where each frame stands: the heaviest to the left, equal ones by name. x and weight are in operations.
function arrange()
{
    for (const node of nodes)
        node.weight = weight(node);
    root.x = 0;
    for (const node of nodes) {
        let x = node.x;
        node.children.sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
        for (const child of node.children) {
            child.x = x;
            x += child.weight;
        }
    }
}

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
function colour(shape, node)
{
    if (!differential) {
        shape.style.setProperty("--hue", hue(node));
        return KINDS[node.kind];
    }
    const before = node.sums[0][state.metric], after = node.sums[1][state.metric];
    const moved = change(before, after) === "same" || before === after ? 0 : (after - before) / Math.max(before, after);
    shape.style.setProperty("--change", (100 * Math.abs(moved)).toFixed(1) + "%");
    return moved > 0 ? "grew" : moved < 0 ? "shrank" : "same";
}

function spoken(node)
{
    if (differential) {
        const [before, after] = node.sums.map(sums => sums[state.metric]);
        return `${node.name}: ${grouped(before)} → ${grouped(after)} ${unit()}, ${change(before, after)}`;
    }
    return `${node.name}: ${grouped(node.weight)} ${unit()}, ${share(node.weight, root.weight)}`;
}

// Drawing. Frames are elements, as many as are wide enough to be seen; drawn holds them by number of the node.
const frames = byId("frames");
const drawn = new Map();
function draw(node, left, width, above)
{
    const name = node === root ? `all: ${grouped(node.weight)} ${unit()}` : node.name;
    const shape = element("div", width >= TEXT ? name : "");
    shape.dataset.node = node.number;
    shape.className = "frame " + colour(shape, node);
    shape.style.left = left + "px";
    shape.style.top = node.depth * LINE + "px";
    shape.style.width = Math.max(LEAST, width > 4 ? width - 1 : width) + "px";
    shape.tabIndex = -1;
    shape.setAttribute("role", "treeitem");
    shape.setAttribute("aria-level", node.depth + 1);
    shape.setAttribute("aria-label", spoken(node));
    shape.classList.toggle("thin", width < TEXT);
    shape.classList.toggle("above", above);
    drawn.set(node.number, shape);
    return shape;
}
// In place of what is too narrow, which stands behind what is not.
function drawRest(parent, left, width, count)
{
    const shape = element("div", undefined, "frame rest");
    shape.style.left = left + "px";
    shape.style.top = (parent.depth + 1) * LINE + "px";
    shape.style.width = Math.max(LEAST, width - 1) + "px";
    shape.title = `${grouped(count)} frame${count === 1 ? " is" : "s are"} too narrow to draw: zoom into what is above`;
    return shape;
}
// What of the tree is in view, from the zoomed frame down; those above it take the whole width.
function render()
{
    const zoom = state.zoom, width = frames.clientWidth, scale = zoom.weight ? width / zoom.weight : 0;
    const fragment = document.createDocumentFragment(), rest = [zoom];
    const hadFocus = frames.contains(document.activeElement);
    let deepest = zoom.depth;
    drawn.clear();
    for (let node = parentOf(zoom); node; node = parentOf(node))
        fragment.append(draw(node, 0, width, true));
    while (rest.length) {
        const node = rest.pop(), pixels = node === zoom ? width : node.weight * scale;
        const wide = node.children.filter(child => child.weight * scale >= LEAST);
        const narrow = node.children.slice(wide.length);
        const left = narrow.length ? (narrow[0].x - zoom.x) * scale : 0;
        const end = (node.x + node.weight - zoom.x) * scale;
        fragment.append(draw(node, node === zoom ? 0 : (node.x - zoom.x) * scale, pixels, false));
        deepest = Math.max(deepest, node.depth);
        if (end - left >= LEAST && narrow.length && narrow[0].weight) {
            fragment.append(drawRest(node, left, end - left, narrow.filter(child => child.weight).length));
            deepest = Math.max(deepest, node.depth + 1);
        }
        rest.push(...wide);
    }
    frames.replaceChildren(fragment);
    frames.style.height = (deepest + 1) * LINE + "px";
    if (!state.current || !drawn.has(state.current.number))
        state.current = zoom;
    drawn.get(state.current.number).tabIndex = 0;
    if (hadFocus)
        drawn.get(state.current.number).focus({preventScroll: true});
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
        shape.classList.toggle("match", nodes[number].match === true);
        shape.setAttribute("aria-selected", chosen);
    }
}

// Search: any part of a name or a file, whatever its case.
const lower = text => text.toLowerCase();
function search(query)
{
    const wanted = lower(query.trim());
    let count = 0, sum = 0;
    state.query = wanted;
    for (const node of nodes) {
        const parent = parentOf(node);
        node.match = wanted !== "" && node !== root
            && (lower(node.name).includes(wanted) || lower(node.place).includes(wanted));
        node.below = node.match || (parent !== null && parent.below);
        count += node.match;
        if (node.match && !parent.below)
            sum += node.weight;
    }
    byId("found").textContent = !wanted ? "" : count
        ? `${grouped(count)} frame${count === 1 ? "" : "s"}, ${share(sum, root.weight)}` : "nothing found";
    mark();
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
function zoomTo(node)
{
    state.zoom = node.weight ? node : root;
    state.current = state.zoom;
    hideTip();
    render();
    filterRows();
}
function choose(node)
{
    zoomTo(node);
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

const nodeAt = target => target.dataset && target.dataset.node !== undefined ? nodes[target.dataset.node] : null;
frames.addEventListener("pointermove", event => {
    const node = nodeAt(event.target);
    if (node)
        showTip(node, event.clientX, event.clientY);
    else
        hideTip();
});
frames.addEventListener("pointerleave", hideTip);
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
    level.sort((a, b) => a.x - b.x);
    return level[level.indexOf(node) + step];
}
const moves = {
    ArrowUp: parentOf,
    ArrowDown: node => node.children.find(child => drawn.has(child.number)),
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
    else if (event.key === "Enter" || event.key === " ")
        choose(node);
    else
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

byId("search").addEventListener("input", event => search(event.target.value));
byId("whole").addEventListener("click", () => zoomTo(root));

function rearrange()
{
    arrange();
    if (!state.zoom.weight)
        state.zoom = root;
    render();
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
rearrange();
let width = frames.clientWidth;
new ResizeObserver(() => {
    if (frames.clientWidth !== width) {
        width = frames.clientWidth;
        render();
    }
}).observe(frames);
})();
