// Charts, drawn by Vega from the descriptions in elor/report/vega that `dvc plots` draws with, too. Colours are the
// page's CSS variables, so that a change of theme, and print, need no new drawing. Vega's interpreter (`ast`) stands in
// for code made from strings, which the page's policy forbids.

const text = { labelColor: "var(--soft)", titleColor: "var(--ink)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
const CONFIG = {
  background: null,
  font: "system-ui, sans-serif",
  axis: { ...text, gridColor: "var(--line)", domainColor: "var(--faint)", tickColor: "var(--faint)" },
  legend: { ...text, labelColor: "var(--ink)", labelLimit: 200 },
  header: { ...text, labelColor: "var(--ink)" },
  title: { color: "var(--ink)", subtitleColor: "var(--soft)", fontSize: 14, subtitleFontSize: 12 },
  view: { stroke: "var(--line)" },
  range: { category: [0, 1, 2, 3, 4, 5, 6].map((hue) => `var(--h${hue})`).concat("var(--ink)", "var(--soft)") },
};

// One mark, one meaning, in all charts of points with intervals.
const MARKS = { network: "circle", paper: "diamond", control: "triangle-up", people: "square", guess: "cross" };

const NARROW = 460; // pixels
const lines = (words, most) => words.match(RegExp(`\\S.{0,${Math.max(20, Math.floor(most))}}(?= |$)`, "g"));

// The rows of a chart's table that its own attributes and the lists that it follows choose.
function rowsOf({ dataset }) {
  const { columns, rows } = data.tables[dataset.table];
  const wanted = Object.entries(JSON.parse(dataset.where));
  for (const name of dataset.by.split(" ").filter(Boolean)) {
    const select = find(`#pick-${name}`);
    wanted.push([select.name, select.value]);
  }
  const places = wanted.map(([name, value]) => [columns.indexOf(name), value]);
  return rows.filter((row) => places.every(([place, value]) => row[place] === value))
    .map((row) => Object.fromEntries(columns.map((name, place) => [name, row[place]])));
}

async function drawOne(place) {
  const { chart, title, label } = place.dataset, values = rowsOf(place), width = place.clientWidth;
  if (!values.length) return place.replaceChildren("There is nothing of this kind.");
  const filled = JSON.stringify(data.charts[chart]).replaceAll("<DVC_METRIC_TITLE>", title).replaceAll("<DVC_METRIC_X_LABEL>", label);
  const spec = { ...JSON.parse(filled), data: { values }, description: title };
  if (spec.title?.subtitle) spec.title.subtitle = lines(spec.title.subtitle, width / 7);
  if (chart === "curves") { // of one network: colours are free to tell its folds apart
    const domain = [...new Set(values.map(({ fold }) => fold))], legend = { title: "fold", orient: "right" };
    for (const { spec: panel } of spec.vconcat) {
      panel.encoding.color = { field: "fold", type: "nominal", scale: { scheme: "tableau10", domain }, legend };
      for (const { mark, encoding } of panel.layer) if (mark.type === "rule") encoding.color = { value: "var(--ink)" };
    }
  }
  if (chart === "prototype") { // as wide as its card; heights and levels are compared with those of other labels
    const [wave, spectrum] = spec.vconcat, [{ peak, floor }] = values;
    wave.width = spectrum.width = Math.max(width - 62, 80);
    wave.encoding.y.scale.domain = [-peak, peak];
    spectrum.encoding.y.scale.domain = [floor, 3];
  }
  if (chart === "bands") { // heights are compared between heads
    const { columns, rows } = data.tables[place.dataset.table], places = ["low", "value", "high"].map((name) => columns.indexOf(name));
    const heights = rows.flatMap((row) => places.map((at) => row[at])).filter(Number.isFinite);
    for (const { encoding } of spec.layer) encoding.y.scale = { domain: [Math.min(...heights), Math.max(...heights)], nice: true };
  }
  const different = (name) => new Set(values.map((row) => row[name])).size;
  if (spec.columns) { // panels side by side, as many as there is room for
    const panel = spec.spec.width.step * different(spec.spec.encoding?.x?.field) || spec.spec.width;
    spec.columns = Math.max(1, Math.floor(width / (panel + (spec.resolve?.axis ? 66 : 36))));
  } else if (spec.height?.step) { // rows, as high as their series need; Vega-Lite's own steps do not fit into a width
    if (width < NARROW) { // a phone's: long names take more lines, so that the plot keeps its width
      for (const row of values) if (row.row.length > 30) row.row = row.row.replace(/(\S.{4,}?) /g, "$1\n");
      spec.encoding.y.axis.labelExpr = "split(datum.label, '\\n')";
    }
    const single = different("row") === values.length;
    if (single) delete spec.encoding.yOffset;
    spec.height = different("row") * (single ? 24 : spec.height.step * different("series") + 6);
    const kinds = new Map(values.map((row) => [row.series, row.kind])), domain = [...kinds.keys()];
    const [ticks, , points] = spec.layer;
    points.encoding.shape.scale = { domain, range: [...kinds.values()].map((kind) => MARKS[kind]) };
    for (const channel of ["color", "yOffset"]) if (spec.encoding[channel]) spec.encoding[channel].scale = { domain };
    ticks.mark.size = spec.height / different("row");
  }
  const legend = { ...CONFIG.legend, columns: Math.max(1, Math.floor(width / 190)) };
  const options = { mode: "vega-lite", config: { ...CONFIG, legend }, renderer: "svg", actions: false, ast: true };
  options.logLevel = vega.Error; // where no row has an interval, Vega warns of a scale without extent
  await vegaEmbed(place, spec, options);
}

let drawing = Promise.resolve();
function drawCharts(places = all("[data-chart]")) {
  drawing = drawing.then(async () => {
    for (const place of places) await drawOne(place);
  });
  return drawing;
}

for (const select of all("select[name]")) {
  const name = select.id.replace("pick-", "");
  select.addEventListener("change", () => drawCharts(all("[data-chart]").filter(({ dataset }) => dataset.by.split(" ").includes(name))));
}

// A chart as a file of its own: what its colours are called here becomes what they are.
for (const button of all("[data-save]")) {
  button.addEventListener("click", () => {
    const drawn = find("svg", button.closest("figure")).cloneNode(true), style = getComputedStyle(document.documentElement);
    drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    const code = drawn.outerHTML.replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim());
    const link = Object.assign(document.createElement("a"), { download: `${button.dataset.save}.svg` });
    link.href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(code)}`;
    link.click();
  });
}
