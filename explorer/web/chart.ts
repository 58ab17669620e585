// A small line chart of metrics per model version.

import { svg } from "./dom";

export interface Series {
  name: string;
  className: string;
  points: { x: number; y: number }[];
}

const WIDTH = 560;
const HEIGHT = 220;
const LEFT = 44;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 30;

// Axis from a round number below the lowest value, never wider than 0..1.
function lowerBound(series: Series[]): number {
  const values = series.flatMap((one) => one.points.map((point) => point.y));
  const lowest = Math.min(1, ...values);
  for (const bound of [0.95, 0.9, 0.8, 0.7, 0.5]) {
    if (lowest >= bound + 0.005) return bound;
  }
  return 0;
}

export function lineChart(series: Series[], label: string): SVGElement {
  const xs = series.flatMap((one) => one.points.map((point) => point.x));
  const first = Math.min(...xs);
  const last = Math.max(...xs, first + 1);
  const low = lowerBound(series);
  const x = (value: number) => LEFT + ((value - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => TOP + ((1 - value) / (1 - low)) * (HEIGHT - TOP - BOTTOM);
  const chart = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "chart",
  });
  const steps = 4;
  for (let i = 0; i <= steps; ++i) {
    const value = low + ((1 - low) * i) / steps;
    chart.append(
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, class: "axis end" },
        value.toFixed(low >= 0.9 ? 3 : 2)),
    );
  }
  const every = Math.max(1, Math.ceil((last - first) / 10));
  for (let version = first; version <= last; version += every) {
    if (version > Math.max(...xs)) break;
    chart.append(svg("text", { x: x(version), y: HEIGHT - 9, class: "axis middle" },
      `v${version}`));
  }
  for (const one of series) {
    const path = one.points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`);
    chart.append(svg("polyline", { points: path.join(" "), class: `line ${one.className}` }));
    for (const point of one.points) {
      chart.append(svg("circle", { cx: x(point.x), cy: y(point.y), r: 3.2,
        class: `dot ${one.className}` },
        svg("title", {}, `${one.name}, version ${point.x}: ${point.y.toFixed(4)}`)));
    }
  }
  return chart;
}
