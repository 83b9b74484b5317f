// The bar for marked rows: shown while some are marked; shift marks from the last one to this, the box in it all rows.
(() => {
  let last;
  const boxes = () => [...document.querySelectorAll("input[name=ids][form=bulk]")];

  function count() {
    const bar = document.getElementById("bulk-bar");
    if (!bar) return;
    const marked = boxes().filter((box) => box.checked).length;
    bar.classList.toggle("is-idle", !marked);
    bar.querySelector("[data-marked]").textContent = marked;
    bar.querySelector("[data-mark-all]").checked = marked > 0 && marked === boxes().length;
  }

  document.addEventListener("click", ({ target, shiftKey }) => {
    if (target.matches("[data-mark-all]")) boxes().forEach((box) => { box.checked = target.checked; });
    else if (target.name === "ids") {
      const all = boxes();
      const [a, b] = [all.indexOf(target), all.indexOf(last)].sort((x, y) => x - y);
      if (shiftKey && a >= 0) all.slice(a, b + 1).forEach((box) => { box.checked = target.checked; });
      last = target;
    } else return;
    count();
  });
  document.addEventListener("htmx:afterSettle", count);
  window.addEventListener("pageshow", count);
})();
