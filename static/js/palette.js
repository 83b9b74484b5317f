// Ctrl-K or Cmd-K: the palette. Its dialog is fetched once; the arrows choose, Enter goes.
(() => {
  let box;
  const one = (query) => box.querySelector(query);
  document.addEventListener("keydown", async (event) => {
    const { key } = event;
    if (event.isComposing || event.keyCode === 229) return;
    if ((event.ctrlKey || event.metaKey) && key === "k") {
      event.preventDefault();
      if (!box) await htmx.ajax("GET", document.body.dataset.palette, { target: "body", swap: "beforeend" });
      box = document.getElementById("palette");
      htmx.process(box);  // not a moment after it is seen: the first letter typed counts
      box.open || box.showModal();
      one("input").select();
    } else if (box?.open) {
      const links = [...box.querySelectorAll("a")], at = links.indexOf(document.activeElement);
      const step = { ArrowDown: 1, ArrowUp: -1 }[key];
      if (step) (links[at + step] ?? one("input")).focus();
      // What is shown must be of what was typed: Enter never goes to a leftover.
      else if (key === "Enter" && at < 0) one("[data-words]").dataset.words === one("input").value && links[0]?.click();
      else return;
      event.preventDefault();
    }
  });
})();
