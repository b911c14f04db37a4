// What page.js draws with: esbuild puts this and what it needs into one script.
export {default as flamegraph} from "d3-flame-graph";
export {select} from "d3-selection";
