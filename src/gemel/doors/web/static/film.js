// A simulated course of a line, moment after moment: the drawing shows one, a slider goes through.

import { number, duration } from "./format.js";

const WORDS = { working: "running", down: "repaired" };
const SECONDS = 25;
const films = new WeakMap();

function read(root) {
  if (!films.has(root)) films.set(root, { ...JSON.parse(root.dataset.film), playing: false });
  return films.get(root);
}

function draw(root, at) {
  const film = read(root);
  const last = film.times.length - 1;
  const k = Math.min(last, Math.max(0, Math.floor(at)));
  const next = Math.min(last, k + 1);
  const part = Math.min(1, at - k);
  film.stations.forEach((name, i) => {
    const stock = film.waiting[k][i] + part * (film.waiting[next][i] - film.waiting[k][i]);
    for (const rect of root.querySelectorAll(`[data-stock="${CSS.escape(name)}"]`)) {
      const share = Math.min(1, stock / Number(rect.dataset.most));
      rect.setAttribute("width", (share * Number(rect.dataset.full)).toFixed(1));
    }
    for (const count of root.querySelectorAll(`[data-count="${CSS.escape(name)}"]`)) count.textContent = number(Math.round(stock));
    const shares = film.shares[k][i];
    const state = film.states[shares.indexOf(Math.max(...shares))];
    const word = WORDS[state] || state;
    for (const text of root.querySelectorAll(`[data-word="${CSS.escape(name)}"]`)) text.textContent = word;
    for (const box of root.querySelectorAll(`[data-station="${CSS.escape(name)}"]`)) box.setAttribute("class", `machine station ${word}`);
    for (const pipe of root.querySelectorAll(`[data-from="${CSS.escape(name)}"]`)) pipe.classList.toggle("moves", film.playing && word === "running");
  });
  const seconds = film.times[k] + part * (film.times[next] - film.times[k]);
  const left = film.left[k] + part * (film.left[next] - film.left[k]);
  root.querySelector("[data-film-told]").textContent = `after ${duration(seconds)} · ${number(Math.round(left))} parts made`;
  root.querySelector("[data-film-at]").value = at;
  film.at = at;
}

function play(root, playing) {
  const film = read(root);
  const last = film.times.length - 1;
  film.playing = playing;
  root.querySelector("[data-film-play]").textContent = playing ? "Pause" : "Play";
  if (!playing) return draw(root, film.at ?? 0);
  let at = (film.at ?? 0) >= last ? 0 : film.at ?? 0;
  let before = null;
  const go = (time) => {
    if (!film.playing || !root.isConnected) return;
    if (before !== null) at += ((time - before) / 1000 / SECONDS) * last;
    before = time;
    if (at >= last) {
      film.at = last;
      return play(root, false);
    }
    draw(root, at);
    requestAnimationFrame(go);
  };
  requestAnimationFrame(go);
}

export function mountFilms() {
  document.addEventListener("click", (event) => {
    const root = event.target.closest("[data-film-play]")?.closest("[data-film]");
    if (root) play(root, !read(root).playing);
  });
  document.addEventListener("input", (event) => {
    const root = event.target.closest("[data-film-at]")?.closest("[data-film]");
    if (!root) return;
    if (read(root).playing) play(root, false);
    draw(root, Number(event.target.value));
  });
  const show = () => {
    for (const root of document.querySelectorAll("[data-film]")) if (!films.has(root)) draw(root, 0);
  };
  new MutationObserver(show).observe(document.body, { childList: true, subtree: true });
  show();
}
