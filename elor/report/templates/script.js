// What the sections draw, and the controls that choose among it.

const NETWORK_LOOK = { elor: ["circle", "--h0"], lom: ["square", "--h1"], ftr: ["triangle", "--h2"], elor_ftr: ["diamond", "--h3"] };
const HEAD_LOOK = { arousal: ["circle", "--h0"], valence: ["triangle", "--h1"], emotion: ["square", "--h2"] };
const CONTROL_LOOK = {
  trained: ["circle", "--ink", true], untrained: ["circle", "--h1", false], "class swap": ["triangle", "--h2", false],
  "other waveform": ["cross", "--h3", true], shifted: ["plus", "--h4", true], paper: ["star", "--h4", true],
};
const partly = ["square", "--h5", false];
const look = (table, name, other = ["circle", "--h5"]) => table[name] ?? other;
const limits = ({ low, high }) => (low === high ? "no spread" : `${say(low)}, ${say(high)}`);
const withInterval = (mark) => say(mark.value) + (defined(mark.low) ? ` [${limits(mark)}]` : "");

function panel(grid, heading) {
  const card = document.createElement("figure"), title = document.createElement("h4"), chart = document.createElement("div");
  card.className = "card";
  chart.className = "chart";
  title.textContent = heading;
  card.append(title, chart);
  grid.append(card);
  return chart;
}

const drawings = {
  scores(place) {
    const rows = data.scores[place.dataset.dimension].map((mark) => {
      const [kind, hue] = mark.kind === "network" ? look(NETWORK_LOOK, mark.network) : mark.kind === "people" ? ["diamond", "--ink"] : ["cross", "--soft"];
      return { label: mark.name, marks: [{ ...mark, kind, hue, title: `${mark.name}: ${withInterval(mark)}` }] };
    });
    const values = Object.values(data.scores).flat().flatMap((mark) => [mark.value, mark.low, mark.high]);
    forest(place, rows, { domain: span(values), label: `${data.score} (1 = perfect)`, name: `${data.score} of ${place.dataset.dimension}` });
  },

  speakers(place) {
    const rows = data.speakers[place.dataset.dimension].map(({ speaker, slices, values }) => ({
      label: `${speaker} (${slices})`,
      marks: Object.entries(values).map(([network, value]) => {
        const [kind, hue] = look(NETWORK_LOOK, network);
        return { value, kind, hue, title: `${data.titles[network] ?? network}, ${speaker}: ${say(value)}` };
      }),
    }));
    const values = rows.flatMap((row) => row.marks.map((mark) => mark.value));
    forest(place, rows, { domain: span(values), label: `${data.score} (1 = perfect)`, name: `${data.score} by speaker, ${place.dataset.dimension}` });
  },

  groups(place) {
    const rows = (data.groups[place.dataset.dimension][find("#pick-factor").value] ?? []).map(({ group, slices, values }) => ({
      label: `${group} (${slices})`,
      marks: Object.entries(values).map(([network, mark]) => {
        const [kind, hue] = look(NETWORK_LOOK, network);
        return { ...mark, kind, hue, size: 4, title: `${data.titles[network] ?? network}, ${group}: ${withInterval(mark)}` };
      }),
    }));
    const values = rows.flatMap((row) => row.marks.flatMap((mark) => [mark.value, mark.low, mark.high]));
    const name = `${data.score} by ${find("#pick-factor").value}, ${place.dataset.dimension}`;
    if (rows.length) forest(place, rows, { domain: span(values), label: `${data.score} (1 = perfect)`, name, apart: 9 });
    else place.textContent = "There are no such groups.";
  },

  reliability(place) {
    place.replaceChildren();
    for (const { network, ece, bins } of data.reliability[place.dataset.dimension]) {
      const [kind, hue] = look(NETWORK_LOOK, network), title = data.titles[network] ?? network;
      const total = bins.reduce((sum, bin) => sum + bin.count, 0);
      const series = [
        { name: "perfect", hue: "--soft", thin: true, points: [[0, 0], [1, 1]] },
        { name: "share of the slices", hue: "--soft", scattered: true, points: bins.map((bin) => [(bin.low + bin.high) / 2, bin.count / total, 0, bin.count / total]) },
        { name: title, hue, kind, points: bins.map((bin) => [bin.confidence, bin.accuracy]) },
      ];
      const x = { label: "probability of the predicted class", domain: [0, 1] }, y = { domain: [0, 1], label: "share of hits" };
      lines(panel(place, `${title}: ECE ${say(ece)}`), series, { x, y, name: `Reliability of ${title}, ${place.dataset.dimension}` });
    }
  },

  curves(place) {
    const network = find("#pick-curves").value, hue = look(NETWORK_LOOK, network)[1];
    const series = data.curves[network].flatMap((fold) => [
      { name: fold.name, hue, points: fold.points, thin: true, faint: true },
      { name: `${fold.name}, kept`, hue, kind: "circle", points: fold.points.filter(([epoch]) => epoch === fold.kept) },
    ]);
    lines(place, series, { x: { label: "epoch" }, y: { label: "validation score (1 = perfect)" }, name: `Training of ${network}`, height: 280 });
  },

  controls(place) {
    const rows = data.controls[find("#pick-role").value][find("#pick-reading").value].map((row) => {
      const marks = row.marks.concat(defined(row.paper) ? [{ name: "paper", value: row.paper }] : []);
      return {
        label: `${row.what}: ${data.methods[row.method]}`,
        marks: marks.map((mark) => {
          const [kind, hue, filled] = look(CONTROL_LOOK, mark.name, partly);
          return { ...mark, kind, hue, filled, title: `${mark.name}: ${withInterval(mark)}` };
        }),
      };
    });
    forest(place, rows, { domain: [-1, 1], label: "r", name: "Every correlation beside its controls", zero: true });
  },

  bands(place) {
    const points = data.bands[place.dataset.head], [kind, hue] = look(HEAD_LOOK, place.dataset.head);
    const series = [
      { name: "untrained", hue: "--soft", thin: true, dashed: true, points: points.map((p) => [p.mel, p.untrained]) },
      { name: "trained", hue, kind, points: points.map((p) => [p.mel, p.value, p.low, p.high]) },
    ];
    const hertz = Object.fromEntries(Object.entries(data.melTicks).map(([name, at]) => [at, name]));
    const x = { label: "frequency (Hz)", ticks: Object.values(data.melTicks), write: (at) => hertz[at] };
    lines(place, series, { x, y: { label: "share of the fall" }, name: `Share of the fall of the logit of ${place.dataset.head} without each mel band`, height: 230 });
  },

  descriptors(place) {
    const chosen = data.descriptors[find("#pick-prototypes").value] ?? {};
    place.replaceChildren();
    for (const [descriptor, heads] of Object.entries(chosen)) {
      const [name, unit] = data.descriptorNames[descriptor];
      const labels = Object.values(heads)[0].map((row) => row.label);
      const series = Object.entries(heads).flatMap(([head, rows], index) => {
        const [kind, hue] = look(HEAD_LOOK, head), shift = index * 0.16 - 0.08;
        return [
          { name: `${head}, folds`, hue, kind: "circle", scattered: true, faint: true, points: rows.flatMap((row, at) => row.folds.map((value) => [at + shift, value])) },
          { name: head, hue, kind, points: rows.map((row, at) => [at + shift, row.value, row.low, row.high]) },
        ];
      });
      const x = { label: "label", domain: [-0.4, labels.length - 0.6], ticks: labels.map((_, at) => at), write: (at) => String(labels[at]) };
      lines(panel(place, name), series, { x, y: { label: unit }, name: `${name} by label` });
    }
  },

  prototypes(place) {
    const chosen = data.prototypes[find("#pick-prototypes").value] ?? [];
    const cards = chosen.map(({ head, label, note }) => {
      const card = document.createElement("figure");
      card.className = "card";
      card.innerHTML = '<h4></h4><div class="pair"><div class="chart"></div><div class="chart"></div></div><figcaption></figcaption>';
      find("h4", card).textContent = `${head} ${label}`;
      find("figcaption", card).textContent = note;
      return card;
    });
    place.replaceChildren(...cards); // all of them before anything is drawn: they share the width
    for (const [index, { head, label, seconds, wave, spectra, converged, bands }] of chosen.entries()) {
      const hue = look(HEAD_LOOK, head)[1], [left, right] = all(".chart", cards[index]);
      outline(left, wave, seconds, hue, `Prototype of ${head} ${label} in time`);
      const series = spectra.map((levels, restart) => ({
        name: `restart ${restart + 1}`, hue: restart ? "--faint" : hue, thin: restart > 0, dashed: !converged[restart], points: levels.map((level, band) => [bands[band], level]),
      })).reverse();
      const x = { label: "frequency (Hz)", log: true, domain: [bands[0], bands[bands.length - 1]], ticks: [100, 300, 1000, 3000] };
      lines(right, series, { x, y: { domain: [-60, 3], label: "level (dB)" }, name: `Spectra of all restarts of ${head} ${label}, dB`, height: 150 });
    }
    for (const player of all("[data-prototype]")) player.hidden = player.dataset.prototype !== find("#pick-prototypes").value;
    const none = find("#no-prototype-players");
    if (none) none.hidden = all("[data-prototype]").some((player) => !player.hidden);
  },

  interventions(place) {
    const panels = data.interventions[find("#pick-intervened").value];
    const values = panels.flatMap((one) => one.lines.flatMap((line) => line.points.flatMap((p) => [p.value, p.low, p.high])));
    place.replaceChildren();
    for (const { name, unit, lines: measured } of panels) {
      const series = measured.map(({ head, points }) => {
        const [kind, hue] = look(HEAD_LOOK, head);
        return { name: head, hue, kind, points: points.map((p) => [p.dose, p.value, p.low, p.high]) };
      });
      const x = { label: unit ? `dose (${unit})` : "dose" };
      lines(panel(place, name), series, { x, y: { domain: span([...values, 0]), label: "change (labels)" }, name: `${name}: change of the expected label by dose` });
    }
  },
};

function outline(place, wave, seconds, hue, name) {
  const { levels } = unpack(wave), count = levels.length / 2, width = Math.max(place.clientWidth, 200), height = 150;
  const drawn = grow(place, width, height, name), scale = linear([0, seconds], [8, width - 10]);
  const peak = levels.reduce((most, value) => Math.max(most, Math.abs(value)), 1), y = linear([-peak, peak], [height - 38, 8]);
  horizontal(drawn, scale, ticks([0, seconds], 6), [8, height - 38], "time (s)", [8, width - 10]);
  const x = (bin) => scale(((bin + 0.5) / count) * seconds).toFixed(1);
  const upper = Array.from({ length: count }, (_, bin) => `${x(bin)} ${y(levels[2 * bin + 1]).toFixed(1)}`);
  const lower = Array.from({ length: count }, (_, bin) => `${x(bin)} ${y(levels[2 * bin]).toFixed(1)}`).reverse();
  drawn.append(element("path", { d: `M${[...upper, ...lower].join("L")}Z`, fill: `var(${hue})` }));
}

function drawCharts(within = document) {
  for (const place of all("[data-chart]", within)) drawings[place.dataset.chart](place);
}

for (const place of all("[data-key]")) {
  const named = { networks: NETWORK_LOOK, heads: HEAD_LOOK, controls: { ...CONTROL_LOOK, "partly untrained": partly } }[place.dataset.key];
  const used = place.dataset.used ? place.dataset.used.split(",") : Object.keys(named);
  key(place, used.filter((name) => named[name]).map((name) => {
    const [kind, hue, filled = true] = named[name];
    return { name: data.titles?.[name] ?? name, kind, hue, filled };
  }));
}
for (const select of all("select[data-redraws]")) {
  select.addEventListener("change", () => select.dataset.redraws.split(" ").forEach((chart) => {
    for (const place of all(`[data-chart="${chart}"]`)) drawings[chart](place);
  }));
}

// The claims: only those with a chosen verdict.
for (const button of all("[data-verdict-filter]")) {
  button.addEventListener("click", () => {
    const chosen = button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.verdictFilter;
    for (const other of all("[data-verdict-filter]")) other.setAttribute("aria-pressed", String(other.dataset.verdictFilter === chosen));
    for (const row of all("tr[data-verdict]")) row.hidden = chosen !== "" && row.dataset.verdict !== chosen;
  });
}

// Only one player at a time.
for (const audio of all("audio")) {
  audio.addEventListener("play", () => all("audio").forEach((other) => other !== audio && other.pause()));
}

const THEMES = { system: "dark", dark: "light", light: "system" };
function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = find("#theme");
  button.textContent = `Colours: ${theme}`;
  button.setAttribute("aria-label", `Colours: ${theme}. Change to ${THEMES[theme]}`);
  button.dataset.now = theme;
  try { localStorage.setItem("theme", theme); } catch { /* a page opened from disk may have no storage */ }
  explorer?.recolour();
}
let stored = "system";
try { stored = localStorage.getItem("theme") ?? "system"; } catch { /* the same */ }
setTheme(stored in THEMES ? stored : "system");
find("#theme").addEventListener("click", () => setTheme(THEMES[find("#theme").dataset.now]));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => explorer?.recolour());

let width = innerWidth, waiting;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(() => { drawCharts(); explorer?.redraw(); }, 120);
});
matchMedia("print").addEventListener("change", () => { drawCharts(); explorer?.recolour(true); });
drawCharts();
document.body.dataset.drawn = all("[data-chart] svg").length;
