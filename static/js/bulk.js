// The bar for marked rows is shown while some are marked; shift marks all from the last one to this.
(() => {
  let last;
  const boxes = () => [...document.querySelectorAll("[form=bulk]")];

  function count() {
    const bar = document.getElementById("bulk-bar");
    if (!bar) return;
    const marked = boxes().filter((box) => box.checked).length;
    bar.hidden = !marked;
    bar.querySelector("b").textContent = marked;
  }

  document.addEventListener("click", ({ target, shiftKey }) => {
    const all = boxes();
    if (target.id === "mark-all") for (const box of all) box.checked = target.checked;
    const [from, to] = [all.indexOf(target), all.indexOf(last)].sort((a, b) => a - b);
    if (shiftKey && from >= 0) for (const box of all.slice(from, to)) box.checked = target.checked;
    if (all.includes(target)) last = target;
    count();
  });
  document.addEventListener("htmx:afterSettle", count);
  addEventListener("pageshow", count);
})();
