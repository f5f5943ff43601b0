"use strict";
// What the other scripts share.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const linear = ([low, high], [from, to]) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

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

// Base64 of int8, as `packed` of elor.report.downsample writes it.
function unpack({ bytes, scale }) {
  const text = atob(bytes), levels = new Int8Array(text.length);
  for (let index = 0; index < text.length; index++) levels[index] = text.charCodeAt(index);
  return { levels, scale };
}
