// The contact form: suggests articles while somebody writes, and says early when a file is too large.
// Nothing is asked while an input method is composing, and nothing here can hold the form up.
(() => {
  const box = document.querySelector("[data-suggest-for]");
  const text = box && document.getElementById(box.dataset.suggestFor);
  if (text && window.htmx) {
    let composing = false;
    let timer = 0;
    let last = "";

    const ask = () => {
      const words = text.value.trim().slice(-300);
      if (composing || words === last) return;
      last = words;
      if (words.length < 4) {
        box.replaceChildren();
        return;
      }
      box.setAttribute("hx-vals", JSON.stringify({ q: words }));
      window.htmx.trigger(box, "suggest");
    };
    const later = () => {
      clearTimeout(timer);
      if (!composing) timer = setTimeout(ask, 600);
    };

    text.addEventListener("compositionstart", () => { composing = true; clearTimeout(timer); });
    text.addEventListener("compositionend", () => { composing = false; later(); });
    text.addEventListener("input", later);
    // A failed suggestion is nobody's business: the general notice must not alarm the writer.
    for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
      box.addEventListener(name, (event) => event.stopPropagation());
    }
  }

  const problem = document.getElementById("files-problem");
  const input = problem && document.getElementById(problem.dataset.files);
  input?.addEventListener("change", () => {
    const files = [...input.files];
    const large = files.find((file) => file.size > Number(problem.dataset.maxBytes));
    problem.textContent = large
      ? `${problem.dataset.tooLarge} ${large.name}`
      : files.length > Number(problem.dataset.maxFiles) ? problem.dataset.tooMany : "";
    problem.hidden = !problem.textContent;
  });
})();
