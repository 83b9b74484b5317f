// The reply box: it grows, keeps what was typed through swaps, takes files that are dropped or pasted, leads from one
// blank to the next, and takes in what the pickers insert.
(() => {
  const on = (name, act) => document.addEventListener(name, act);
  const find = (id) => document.getElementById(id);
  const focused = (box) => box === document.activeElement;
  const mark = (box, from, to = from) => box.setSelectionRange(from, to);
  const fire = (box, name) => box.dispatchEvent(new Event(name, { bubbles: true }));
  const reply = () => find("composer-body");
  let before;

  function refresh(box = reply()) {
    if (!box) return;
    // A box that nobody was in yet has its caret before the greeting.
    if (!focused(box) && !box.selectionEnd) mark(box, 1e5);
    box.rows = box.value.split("\n").length + 1;  // between the limits of the stylesheet
    const gap = find("next-blank");
    if (gap) gap.hidden = !blanks(reply()).length;
  }

  const blanks = (box) => [...box.value.matchAll(/【[^】\n]*】|\{\{[^}\n]*\}\}/g)];

  // Marks the first blank after the caret, with around also one before it.
  function next(box, around) {
    const all = blanks(box);
    const blank = all.find((one) => one.index >= box.selectionEnd) || (around && all[0]);
    if (!blank) return false;
    box.focus();
    mark(box, blank.index, blank.index + blank[0].length);
    return true;
  }

  // What is marked may be the blank of the text before: it is left alone, and the next text goes below everything.
  function put(text, { into, template }) {
    const box = into ? find(into) : reply();
    box.closest("details")?.setAttribute("open", "");  // asked from beside it, the box may be folded away
    document.querySelector(`[data-box=${box.id}]`)?.click();
    box.focus();
    const marked = box.selectionStart < box.selectionEnd;
    const at = marked ? box.value.length : box.selectionEnd;
    if (text.includes("\n") && /[^\n]$/.test(box.value.slice(0, at))) text = `\n\n${text}`;
    box.setRangeText(text, at, at, "end");
    if (template) box.form.elements.templates.value += `,${template}`;
    fire(box, "input");
    const end = box.selectionEnd;
    mark(box, at);
    if (!next(box)) mark(box, end);
  }
  on("shopdesk:insert", ({ detail }) => put(detail.text, detail));

  on("click", (event) => {
    const item = event.target.closest("[data-insert]");
    if (event.target.id === "next-blank") next(reply(), true);
    if (!item || !(item.dataset.into || reply())) return;
    event.preventDefault();
    item.closest("details")?.removeAttribute("open");
    put(item.dataset.insert, item.dataset);
  });

  // Arrow keys walk through a picker; Enter in its search takes the first.
  on("keydown", (event) => {
    const picker = event.target.closest("[data-picker]");
    if (!picker || event.isComposing || event.keyCode === 229) return;
    const all = [...picker.querySelectorAll("[type=search], .picker-list button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) all[all.indexOf(event.target) + step]?.focus();
    else if (event.key === "Enter" && event.target === all[0] && !all[0].form) all[1]?.click();
    else return;
    event.preventDefault();
  });

  // What stands before the caret in its line, in one width: perhaps the shortcut of a template, and then the id of what
  // puts it in (a button in #shortcuts, which is fetched when a slash begins the line).
  const line = (box) => box.value.slice(0, box.selectionEnd).split("\n").pop();
  const shortcut = (box) => box === reply() && line(box).normalize("NFKC").match(/^\/.*/)?.[0];

  on("input", ({ target: box }) => {
    if (!box.matches("[data-grow]")) return;
    refresh(box);
    if (shortcut(box)) fire(find("shortcuts"), "slash");
    if (box !== reply() && /[@＠]$/.test(box.value.slice(0, box.selectionEnd))) find("mention").open = true;
  });

  on("keydown", (event) => {
    const box = event.target;
    if (event.isComposing || event.keyCode === 229 || !box.matches("[data-grow]")) return;
    const item = !event.shiftKey && /^(Tab|Enter)$/.test(event.key) && find(shortcut(box));
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      box.form.requestSubmit(box.form.querySelector("[data-primary]"));
    } else if (item) {
      box.setRangeText("", box.selectionEnd - line(box).length, box.selectionEnd, "end");
      item.click();
    } else if (event.key !== "Tab" || event.shiftKey || box !== reply() || !next(box)) {
      return;
    }
    event.preventDefault();
  });

  for (const name of ["paste", "drop", "dragover"]) {
    on(name, (event) => {
      const data = event.clipboardData || event.dataTransfer;
      const input = event.target.closest("#reply-form")?.elements.files;
      if (!input || !data.types.includes("Files") || data.types.includes("text/plain")) return;
      event.preventDefault();
      if (name === "dragover") return;
      input.files = data.files;
      fire(input, "change");
    });
  }

  // What stands in the box and not on the server, which knows what it wrote into the page and what was saved since.
  function save(box) {
    const differs = box && box.value !== box.defaultValue;
    if (differs) navigator.sendBeacon(box.form.dataset.draft, new FormData(box.form));
    return differs;
  }
  on("visibilitychange", () => save(reply()));

  on("htmx:afterRequest", ({ detail: { successful, requestConfig: asked } }) => {
    const box = reply();
    if (successful && box?.form.dataset.draft === asked.path) box.defaultValue = asked.formData.get("body");
  });

  // A swap of the conversation: what is not saved yet goes to the server, and stays in the box of this inquiry. So does
  // what was saved while the answer was on its way, which may have been made without it.
  on("htmx:beforeRequest", ({ detail: { requestConfig: asked } }) => asked.saved = reply()?.defaultValue);
  on("htmx:beforeSwap", ({ detail: { target, shouldSwap, requestConfig: asked, xhr } }) => {
    const box = reply();
    if (target.id !== "conversation" || !shouldSwap) return;
    before = { of: target.dataset.inquiry, done: asked.verb === "post" && xhr.status < 400 };
    if (box && asked.elt !== box.form && (save(box) || box.value !== asked.saved)) before.box = box;
  });
  on("htmx:afterSwap", () => {
    const box = reply();
    if (!before) return;
    const same = before.of === find("conversation").dataset.inquiry;
    if (same && box && before.box) {
      box.value = before.box.value;
      mark(box, before.box.selectionEnd);
    }
    // Who pressed a button that is gone is led to why nothing was sent; who is writing goes on.
    if (!same || before.done || focused(document.body)) (find("why") || find("conversation-title"))?.focus();
    before = null;
  });
  on("htmx:afterSettle", () => refresh());

  refresh();
})();
