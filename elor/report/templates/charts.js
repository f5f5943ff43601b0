"use strict";
// Small charts as SVG. Colours are CSS variables, so that a change of theme needs no new drawing.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const defined = (value) => value !== null && value !== undefined && Number.isFinite(value);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const say = (value) => (defined(value) ? String(Number(value.toPrecision(3))) : "undefined");

function element(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const linear = ([low, high], [from, to]) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);
const logarithmic = ([low, high], range) => {
  const inner = linear([Math.log(low), Math.log(high)], range);
  return (value) => inner(Math.log(value));
};

function ticks([low, high], count) {
  const raw = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw * 0.8);
  const found = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) {
    found.push(Number((index * step).toPrecision(10)));
  }
  return found;
}

function span(values, margin = 0.05) {
  const known = values.filter(defined);
  const low = Math.min(...known), high = Math.max(...known), rim = (high - low || Math.abs(high) || 1) * margin;
  return known.length ? [low - rim, high + rim] : [0, 1];
}

// Shapes differ as well as colours: the charts can be read without seeing colours.
function shape(kind, x, y, hue, { filled = true, size = 5, title } = {}) {
  const look = { stroke: `var(${hue})`, fill: filled ? `var(${hue})` : "var(--card)", "stroke-width": 1.6 };
  const paths = {
    triangle: `M0 ${-size}L${size} ${size * 0.8}L${-size} ${size * 0.8}Z`,
    square: `M${-size * 0.8} ${-size * 0.8}h${size * 1.6}v${size * 1.6}h${-size * 1.6}Z`,
    diamond: `M0 ${-size * 1.15}L${size} 0L0 ${size * 1.15}L${-size} 0Z`,
    cross: `M${-size * 0.8} ${-size * 0.8}L${size * 0.8} ${size * 0.8}M${size * 0.8} ${-size * 0.8}L${-size * 0.8} ${size * 0.8}`,
    plus: `M0 ${-size}V${size}M${-size} 0H${size}`,
    star: Array.from({ length: 10 }, (_, k) => {
      const far = k % 2 ? size * 0.5 : size * 1.3, angle = (Math.PI * k) / 5 - Math.PI / 2;
      return `${k ? "L" : "M"}${(far * Math.cos(angle)).toFixed(2)} ${(far * Math.sin(angle)).toFixed(2)}`;
    }).join("") + "Z",
  };
  const place = { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` };
  const made = kind === "circle" ? element("circle", { r: size, ...look, ...place }) : element("path", { d: paths[kind], ...look, ...place });
  if (title) made.append(element("title", {}, title));
  return made;
}

function grow(place, width, height, name) {
  const drawn = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name });
  place.replaceChildren(drawn);
  return drawn;
}

function horizontal(drawn, scale, tickValues, [top, bottom], label, range, write = String) {
  for (const tick of tickValues) {
    const x = scale(tick);
    drawn.append(element("line", { x1: x, x2: x, y1: top, y2: bottom, stroke: "var(--line)" }));
    drawn.append(element("text", { x, y: bottom + 15, "text-anchor": "middle", class: "soft" }, write(tick)));
  }
  const middle = (range[0] + range[1]) / 2;
  drawn.append(element("text", { x: middle, y: bottom + 31, "text-anchor": "middle", class: "soft" }, label));
}

function key(place, marks) {
  place.replaceChildren(...marks.map(({ name, kind, hue, filled }) => {
    const item = document.createElement("span");
    item.append(element("svg", { width: 16, height: 16, "aria-hidden": "true" }, shape(kind, 8, 8, hue, { filled })), name);
    return item;
  }));
}

// Rows of points with intervals. A row: {label, marks: [{value, low, high, kind, hue, filled, title}]}
// With `apart`, the marks of a row lie that many pixels below each other, so that their intervals can be told apart.
function forest(place, rows, { domain, label, name, zero = false, apart = 0 }) {
  const width = Math.max(place.clientWidth, 240), longest = Math.max(...rows.map((row) => row.label.length));
  const room = apart * (Math.max(...rows.map((row) => row.marks.length)) - 1);
  const side = longest * 6.5 + 14, above = side > width * 0.45, left = above ? 12 : side, step = room + (above ? 42 : 27);
  const bottom = rows.length * step + 6, scale = linear(domain, [left, width - 14]);
  const drawn = grow(place, width, bottom + 38, name);
  horizontal(drawn, scale, ticks(domain, width < 500 ? 4 : 8), [2, bottom], label, [left, width - 14]);
  if (zero) drawn.append(element("line", { x1: scale(0), x2: scale(0), y1: 2, y2: bottom, stroke: "var(--soft)" }));
  rows.forEach((row, index) => {
    const middle = index * step + (above ? 31 : 17) + room / 2;
    const at = above ? { x: left, y: middle - room / 2 - 14 } : { x: left - 10, y: middle + 4, "text-anchor": "end" };
    drawn.append(element("text", at, row.label));
    const placed = row.marks.map((mark, place) => ({ ...mark, y: middle + apart * place - room / 2 }));
    for (const { y, ...mark } of placed.filter((one) => defined(one.value)).reverse()) {
      const hue = `var(${mark.hue})`;
      if (defined(mark.low)) {
        drawn.append(element("line", { x1: scale(mark.low), x2: scale(mark.high), y1: y, y2: y, stroke: hue, "stroke-width": 2, opacity: 0.65 }));
      }
      drawn.append(shape(mark.kind, scale(mark.value), y, mark.hue, mark));
    }
  });
}

// Lines in a panel. A series: {name, hue, kind, points: [[x, y, low, high]], thin, faint, dashed, scattered}
function lines(place, series, { x, y, name, height = 170 }) {
  const width = Math.max(place.clientWidth, 200), left = 46, right = width - 10, bottom = height - 38;
  const top = y.label ? 22 : 8;
  const xs = series.flatMap((one) => one.points.map((point) => point[0]));
  const ys = series.flatMap((one) => one.points.flatMap((point) => point.slice(1)));
  const across = x.domain ?? span(xs, 0.04), up = y.domain ?? span(ys, 0.08);
  const horizontally = (x.log ? logarithmic : linear)(across, [left, right]), vertically = linear(up, [bottom, top]);
  const drawn = grow(place, width, height, name);
  horizontal(drawn, horizontally, x.ticks ?? ticks(across, 5), [top, bottom], x.label, [left, right], x.write);
  if (y.label) drawn.append(element("text", { x: 2, y: 12, class: "soft" }, y.label));
  for (const tick of ticks(up, Math.round(height / 45))) {
    const at = vertically(tick);
    drawn.append(element("line", { x1: left, x2: right, y1: at, y2: at, stroke: tick === 0 ? "var(--soft)" : "var(--line)" }));
    drawn.append(element("text", { x: left - 5, y: at + 4, "text-anchor": "end", class: "soft" }, String(tick)));
  }
  for (const one of series) {
    const points = one.points.filter((point) => defined(point[1]));
    const hue = `var(${one.hue})`, opacity = one.faint ? 0.45 : 1;
    let step = "M"; // a gap where there is no value
    const trace = one.points.map(([a, b]) => {
      const to = defined(b) ? `${step}${horizontally(a).toFixed(1)} ${vertically(b).toFixed(1)}` : "";
      step = defined(b) ? "L" : "M";
      return to;
    }).join("");
    if (!one.scattered) {
      const pen = { stroke: hue, opacity, "stroke-width": one.thin ? 1 : 1.8, "stroke-dasharray": one.dashed ? "4 3" : undefined };
      drawn.append(element("path", { d: trace, fill: "none", ...pen }));
    }
    for (const [a, b, low, high] of points) {
      const at = horizontally(a);
      if (defined(low)) {
        drawn.append(element("line", { x1: at, x2: at, y1: vertically(low), y2: vertically(high), stroke: hue, opacity: 0.7 }));
      }
      if (one.kind) {
        const size = one.scattered ? 2 : 3.5;
        drawn.append(shape(one.kind, at, vertically(b), one.hue, { size, title: `${one.name}: ${say(a)}, ${say(b)}` }));
      }
    }
  }
}

// Base64 of int8, as `packed` of elor.report.columns writes it.
function unpack({ bytes, scale }) {
  const text = atob(bytes), levels = new Int8Array(text.length);
  for (let index = 0; index < text.length; index++) levels[index] = text.charCodeAt(index);
  return { levels, scale };
}
