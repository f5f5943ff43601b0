// The waveform with its map (the paper's Fig. 4), to zoom into, to seek in and to loop a region of; columns of lowest
// and highest values, as on paper. What is chosen stands in the page's address: #maps?slice=..&method=..&from=..

const explorer = (() => {
  const canvas = find("#map");
  if (!canvas || !data.shown?.length) return null;
  const LANES = [["waveform", 1], ["positive saliency", 0.8], ["waveform, coloured by the map", 1], ["kHz: level in grey, integrated gradients", 1.2]];
  const unpacked = new Map();
  const state = { slice: 0, method: null, head: null, from: 0, to: 1, region: null, at: null };
  let hues = {}, queued = false;

  const current = () => data.shown[state.slice];
  const open = (packed) => {
    if (!unpacked.has(packed)) unpacked.set(packed, unpack(packed));
    return unpacked.get(packed);
  };

  function readHues() {
    const style = getComputedStyle(document.documentElement);
    const names = ["ink", "soft", "line", "card", "for", "against", "neither"];
    hues = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  // Lowest and highest of the stretch that a column of pixels shows.
  function column(levels, first, last) {
    let low = 127, high = -127;
    for (let bin = first; bin <= last; bin++) {
      low = Math.min(low, levels[2 * bin]);
      high = Math.max(high, levels[2 * bin + 1]);
    }
    return [low, high];
  }

  function mix(one, other, share) {
    const parts = [one, other].map((hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)));
    return `rgb(${parts[0].map((part, k) => Math.round(part + (parts[1][k] - part) * share)).join()})`;
  }

  function palette() {
    const long = (hex) => (hex.length === 4 ? "#" + [...hex.slice(1)].map((c) => c + c).join("") : hex);
    const [neither, against, speaksFor] = [hues.neither, hues.against, hues.for].map(long);
    return Array.from({ length: 33 }, (_, k) => mix(neither, k < 16 ? against : speaksFor, Math.sqrt(Math.abs(k - 16) / 16)));
  }

  const inBoth = (shown) => Boolean(shown.stft?.heads[state.head]);

  function draw() {
    queued = false;
    const began = performance.now(), shown = current(), ratio = devicePixelRatio || 1, width = canvas.clientWidth;
    const unit = width < 500 ? 74 : 104, left = width < 500 ? 8 : 12, right = width - 8;
    const tall = LANES.filter((_, k) => k < 3 || inBoth(shown)).reduce((sum, [, share]) => sum + share * unit + 22, 26);
    canvas.style.height = `${tall}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(tall * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    const wave = open(shown.wave).levels, map = open(shown.maps[state.method][state.head]), bins = wave.length / 2;
    const full = shown.full[state.method][state.head] / map.scale * 127, colours = palette();
    const peak = Math.max(1, ...[0, 1].map((k) => wave.reduce((most, value, at) => (at % 2 === k ? Math.max(most, Math.abs(value)) : most), 0)));
    const strongest = map.levels.reduce((most, value) => Math.max(most, value), 1);
    const boxes = [];
    let top = 0;
    for (const [name, share] of LANES.slice(0, inBoth(shown) ? 4 : 3)) {
      const height = share * unit;
      boxes.push([top + 18, height]);
      pen.fillStyle = hues.soft;
      pen.fillText(name, left, top + 12);
      top += height + 22;
    }
    pen.strokeStyle = hues.line;
    for (const [y, height] of boxes) pen.strokeRect(left, y, right - left, height);
    for (let x = left; x < right; x++) {
      const place = (value) => state.from + ((value - left) / (right - left)) * (state.to - state.from);
      const first = clamp(Math.floor(place(x) * bins), 0, bins - 1), last = clamp(Math.ceil(place(x + 1) * bins) - 1, first, bins - 1);
      const [low, high] = column(wave, first, last), [against, speaksFor] = column(map.levels, first, last);
      const bar = ([y, height], from, to, colour) => {
        pen.fillStyle = colour;
        pen.fillRect(x, y + height * from, 1, Math.max(height * (to - from), 1));
      };
      const up = 0.5 - (0.47 * high) / peak, down = 0.5 - (0.47 * low) / peak;
      bar(boxes[0], up, down, hues.ink);
      bar(boxes[1], 1 - (0.97 * Math.max(speaksFor, 0)) / strongest, 1, hues.for);
      const value = -against > speaksFor ? against : speaksFor;
      bar(boxes[2], up, down, colours[16 + Math.round(16 * clamp(value / full, -1, 1))]);
    }
    if (inBoth(shown)) spectrogram(pen, boxes[3], left, right, colours);
    colourBar(pen, boxes[2], right, colours, shown.full[state.method][state.head], shown.units[state.method][state.head]);
    axis(pen, boxes, left, right, top);
    padding(pen, boxes, left, right);
    regions(pen, boxes, left, right);
    cursor(pen, boxes, left, right);
    canvas.dataset.milliseconds = (performance.now() - began).toFixed(1);
  }

  // Grey: level; colour: integrated gradients of the same frames and frequencies.
  function spectrogram(pen, [y, height], left, right, colours) {
    const shown = current(), { frames, bins } = shown.stft, level = open(shown.stft.level).levels;
    const heat = open(shown.stft.heads[state.head]).levels;
    const wide = (right - left) / ((state.to - state.from) * frames), tall = height / bins;
    for (let frame = Math.floor(state.from * frames); frame < Math.min(frames, Math.ceil(state.to * frames)); frame++) {
      const x = left + (frame - state.from * frames) * wide;
      for (let bin = 0; bin < bins; bin++) {
        const at = frame * bins + bin, strong = heat[at] / 127, loud = clamp((level[at] + 127) / 254, 0, 1);
        if (loud < 0.3 && Math.abs(strong) < 0.04) continue;
        pen.globalAlpha = Math.abs(strong) >= 0.04 ? 1 : (loud - 0.3) * 0.75;
        pen.fillStyle = Math.abs(strong) >= 0.04 ? colours[16 + Math.round(16 * strong)] : hues.soft;
        const begin = clamp(x, left, right);
        pen.fillRect(begin, y + height - (bin + 1) * tall, clamp(x + wide + 0.5, left, right) - begin, tall + 0.5);
      }
    }
    pen.globalAlpha = 1;
    pen.fillStyle = hues.soft;
    for (const kilohertz of [0, 2, 4, 6]) if (kilohertz < data.rate / 2000) pen.fillText(kilohertz, left + 4, y + height - (kilohertz / (data.rate / 2000)) * height - 3);
  }

  function axis(pen, boxes, left, right, top) {
    const seconds = current().seconds, [from, to] = [state.from * seconds, state.to * seconds];
    const scale = linear([from, to], [left, right]);
    pen.fillStyle = hues.soft;
    pen.textAlign = "center";
    for (const tick of ticks([from, to], canvas.clientWidth < 500 ? 4 : 8)) {
      pen.fillText(`${tick} s`, clamp(scale(tick), left + 14, right - 14), top + 12);
      pen.globalAlpha = 0.35;
      for (const [y, height] of boxes) pen.fillRect(scale(tick), y + height - 5, 1, 5);
      pen.globalAlpha = 1;
    }
    pen.textAlign = "start";
  }

  function padding(pen, boxes, left, right) {
    const { support, seconds } = current(), scale = linear([state.from * seconds, state.to * seconds], [left, right]);
    const begin = clamp(scale(support), left, right);
    if (right - begin < 1) return;
    pen.strokeStyle = hues.soft;
    pen.globalAlpha = 0.4;
    for (const [y, height] of boxes) {
      pen.save();
      pen.beginPath();
      pen.rect(begin, y, right - begin, height);
      pen.clip();
      pen.beginPath();
      for (let x = begin - height; x < right; x += 9) {
        pen.moveTo(x, y + height);
        pen.lineTo(x + height, y);
      }
      pen.stroke();
      pen.restore();
    }
    pen.globalAlpha = 1;
  }

  // What the colours of the map stand for.
  function colourBar(pen, [y], right, colours, full, unit) {
    const wide = 3, ends = [`against -${full.toPrecision(2)}`, `${full.toPrecision(2)} for (${unit})`];
    const left = right - pen.measureText(ends[1]).width - 6 - wide * colours.length;
    if (left - pen.measureText(ends[0]).width < right / 2) return; // a phone has no room
    colours.forEach((colour, k) => {
      pen.fillStyle = colour;
      pen.fillRect(left + k * wide, y - 13, wide, 9);
    });
    pen.fillStyle = hues.soft;
    pen.fillText(ends[1], left + wide * colours.length + 6, y - 5);
    pen.textAlign = "end";
    pen.fillText(ends[0], left - 6, y - 5);
    pen.textAlign = "start";
  }

  // Above the waveform a bar where occlusion found that the answer rests; over all lanes the region that was chosen.
  function regions(pen, boxes, left, right) {
    const scale = linear([state.from * current().seconds, state.to * current().seconds], [left, right]);
    const span = (from, to) => [clamp(scale(from), left, right), clamp(scale(to), left, right)];
    pen.fillStyle = hues.for;
    for (const [from, to] of current().regions[state.head] ?? []) {
      const [begin, end] = span(from, to);
      if (end > begin) pen.fillRect(begin, boxes[0][0] - 3, end - begin, 3);
    }
    if (!state.region) return;
    const [begin, end] = span(...state.region), [last, height] = boxes[boxes.length - 1];
    pen.fillStyle = hues.against;
    pen.globalAlpha = 0.16;
    pen.fillRect(begin, boxes[0][0], end - begin, last + height - boxes[0][0]);
    pen.globalAlpha = 1;
  }

  const players = () => all(`.players [data-slice="${state.slice}"] audio`);
  const playing = () => players().find((audio) => !audio.paused && !audio.ended);

  // Where the sound is; a region is played in a loop.
  function cursor(pen, boxes, left, right) {
    const audio = playing();
    if (audio) {
      state.at = audio.currentTime;
      if (state.region && (state.at >= state.region[1] || state.at < state.region[0] - 0.05)) seek(state.region[0]);
      redraw();
    }
    if (state.at === null) return;
    const scale = linear([state.from * current().seconds, state.to * current().seconds], [left, right]);
    const x = scale(state.at), [last, height] = boxes[boxes.length - 1];
    if (x >= left && x <= right) {
      pen.fillStyle = hues.ink;
      pen.fillRect(x, boxes[0][0], 1.5, last + height - boxes[0][0]);
    }
  }

  function seek(seconds) {
    const audio = playing() ?? players()[0];
    state.at = clamp(seconds, 0, current().support);
    if (audio) audio.currentTime = state.at;
    redraw();
  }

  function play() {
    const audio = playing() ?? players()[0];
    if (!audio) return;
    if (!audio.paused) return audio.pause();
    if (state.region) seek(state.region[0]);
    audio.play();
  }

  function region(span) {
    state.region = span && span[1] - span[0] > 0.01 ? span : null;
    if (state.region) seek(state.region[0]);
    find("#loop").textContent = state.region ? "Play the region in a loop" : "Play";
    find("#clear").hidden = !state.region;
    for (const button of all("#found button")) button.setAttribute("aria-pressed", String(button.dataset.span === String(state.region)));
    describe();
    remember();
    redraw();
  }

  // What is chosen, as an address that can be kept or sent.
  function remember() {
    if (!touched) return;
    const { method, head, from, to } = state, chosen = new URLSearchParams({ slice: current().name, method, head });
    if (to - from < 1) for (const [name, value] of Object.entries({ from, to })) chosen.set(name, (value * current().seconds).toFixed(3));
    if (state.region) chosen.set("region", state.region.map((value) => value.toFixed(3)).join("-"));
    history.replaceState(null, "", `#maps?${chosen}`);
  }

  function recall() {
    if (!location.hash.startsWith("#maps?")) return;
    const chosen = new URLSearchParams(location.hash.slice(6)), slice = data.shown.findIndex(({ name }) => name === chosen.get("slice"));
    choose({ slice: Math.max(slice, 0), method: chosen.get("method"), head: chosen.get("head") });
    const seconds = current().seconds, number = (name, other) => (chosen.has(name) ? Number(chosen.get(name)) / seconds : other);
    zoom(number("from", 0), number("to", 1));
    const span = chosen.get("region")?.split("-").map(Number);
    region(span?.every(Number.isFinite) ? span : null);
    canvas.scrollIntoView({ block: "center" });
  }

  function redraw() {
    if (!queued) {
      queued = true;
      requestAnimationFrame(draw);
    }
  }

  function describe() {
    const shown = current(), { method, head } = state;
    find("#map-text").textContent = `${shown.name}: ${data.methods[method]}, ${shown.about[head]}. ${shown.sentences[method][head]}. ` +
      (state.region ? `Region: ${state.region.map((value) => value.toFixed(2)).join(" to ")} s. ` : "") +
      `Shown: ${(state.from * shown.seconds).toFixed(2)} to ${(state.to * shown.seconds).toFixed(2)} s` +
      `${shown.support < shown.seconds ? `; padding from ${shown.support.toFixed(2)} s on is hatched` : ""}.`;
    canvas.setAttribute("aria-label", `${shown.name}: waveform and ${data.methods[method]} map of ${head}`);
  }

  function zoom(from, to) {
    const width = clamp(to - from, 0.01, 1);
    state.from = clamp(from, 0, 1 - width);
    state.to = state.from + width;
    find("#position").value = width === 1 ? 0 : Math.round((1000 * state.from) / (1 - width));
    find("#position").disabled = width === 1;
    describe();
    remember();
    redraw();
  }

  const steps = {
    in: () => zoom(state.from + (state.to - state.from) / 4, state.to - (state.to - state.from) / 4),
    out: () => zoom(state.from - (state.to - state.from) / 2, state.to + (state.to - state.from) / 2),
    left: () => zoom(state.from - (state.to - state.from) / 4, state.to - (state.to - state.from) / 4),
    right: () => zoom(state.from + (state.to - state.from) / 4, state.to + (state.to - state.from) / 4),
    all: () => zoom(0, 1),
  };

  function fill(select, options, chosen) {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  }

  // Buttons for the regions that occlusion found.
  function list() {
    const found = current().regions[state.head] ?? [];
    const what = current().valued.includes(state.head) ? "value" : "logit";
    find("#found").replaceChildren(...found.map(([from, to, drop]) => {
      const change = `${what} ${drop < 0 ? "rises" : "falls"} by ${Math.abs(drop).toPrecision(2)}`;
      const words = `${from.toFixed(2)} to ${to.toFixed(2)} s: without it the ${change}`;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
      button.dataset.span = String([from, to]);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        region([from, to]);
        if (!playing()) play();
      });
      return button;
    }));
    find("#found-none").hidden = found.length > 0;
  }

  function choose(change) {
    if (change.slice !== undefined && change.slice !== state.slice) Object.assign(state, { region: null, at: null });
    Object.assign(state, change);
    const shown = current(), methods = Object.keys(shown.maps);
    if (!methods.includes(state.method)) state.method = methods[0];
    const heads = Object.keys(shown.maps[state.method]);
    if (!heads.includes(state.head)) state.head = heads[0];
    fill(find("#pick-method"), methods.map((name) => [name, data.methods[name]]), state.method);
    fill(find("#pick-head"), heads.map((name) => [name, name]), state.head);
    find("#pick-slice").value = String(state.slice);
    for (const player of all(".players [data-slice]")) player.hidden = Number(player.dataset.slice) !== state.slice;
    list();
    region(state.region);
  }

  let touched = false;
  fill(find("#pick-slice"), data.shown.map((shown, index) => [String(index), shown.name]), "0");
  find("#pick-slice").addEventListener("change", (event) => {
    all(".players audio").forEach((audio) => audio.pause());
    choose({ slice: Number(event.target.value), from: 0, to: 1 });
    zoom(0, 1);
  });
  find("#pick-method").addEventListener("change", (event) => choose({ method: event.target.value }));
  find("#pick-head").addEventListener("change", (event) => choose({ head: event.target.value }));
  for (const button of all("[data-zoom]")) button.addEventListener("click", steps[button.dataset.zoom]);
  find("#position").addEventListener("input", (event) => {
    const width = state.to - state.from, from = (event.target.value / 1000) * (1 - width);
    zoom(from, from + width);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" }[event.key];
    const act = step ? steps[step] : { " ": play, Escape: () => region(null) }[event.key];
    if (act && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      act();
    }
  });
  const share = (event) => clamp(state.from + (event.offsetX / canvas.clientWidth) * (state.to - state.from), 0, 1);
  canvas.addEventListener("wheel", (event) => { // of a page that scrolls, a wheel is for the map that was clicked
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    const middle = share(event), factor = event.deltaY < 0 ? 0.8 : 1.25;
    zoom(middle - (middle - state.from) * factor, middle + (state.to - middle) * factor);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    const middle = share(event), half = (state.to - state.from) / 4;
    zoom(middle - half, middle + half);
  });
  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = { x: event.clientX, from: state.from, width: state.to - state.from, begin: event.shiftKey ? share(event) : null };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!dragged || Math.abs(event.clientX - dragged.x) < 4) return;
    dragged.moved = true;
    if (dragged.begin !== null) return region([dragged.begin, share(event)].sort((a, b) => a - b).map((value) => value * current().seconds));
    const from = dragged.from - ((event.clientX - dragged.x) / canvas.clientWidth) * dragged.width;
    zoom(from, from + dragged.width);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (dragged && !dragged.moved) seek(share(event) * current().seconds);
    dragged = null;
  });
  canvas.addEventListener("pointercancel", () => (dragged = null));
  find("#loop").addEventListener("click", play);
  find("#clear").addEventListener("click", () => region(null));
  for (const audio of all(".players [data-slice] audio")) audio.addEventListener("play", redraw);

  readHues();
  choose({});
  zoom(0, 1);
  recall();
  touched = true;
  addEventListener("hashchange", recall);
  return { draw, recolour: (now) => { readHues(); now ? draw() : redraw(); }, redraw };
})();
