// What one can do with the page.

// The claims: only those with a chosen verdict; a link to a claim shows it, whatever was chosen before.
function showVerdict(chosen) {
  for (const button of all("[data-verdict-filter]")) button.setAttribute("aria-pressed", String(button.dataset.verdictFilter === chosen));
  for (const card of all(".claim")) card.hidden = chosen !== "" && card.dataset.verdict !== chosen;
}
for (const button of all("[data-verdict-filter]")) {
  button.addEventListener("click", () => showVerdict(button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.verdictFilter));
}
for (const link of all('a[href^="#claim-"]')) link.addEventListener("click", () => showVerdict(link.dataset.verdictLink ?? ""));

// What is said and played of prototypes is of the way that is shown.
const way = find("#pick-prototypes");
function chooseWay() {
  for (const part of all("[data-way]")) part.hidden = part.dataset.way !== way.value;
}
way?.addEventListener("change", chooseWay);
if (way) chooseWay();

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
matchMedia("print").addEventListener("change", () => explorer?.recolour(true));
drawCharts().then(() => { document.body.dataset.drawn = all("[data-chart] svg").length; });
