// The workspace asks every few seconds what has changed. A row that is shown keeps its element and changes inside, so
// focus, marks and scrolling stay; new rows wait for a click, so that nothing moves under the pointer.
(() => {
  const page = document;
  const $ = (query, root = page) => root.querySelector(query);
  const $$ = (query, root = page) => [...root.querySelectorAll(query)];
  const open = () => $("#conversation").dataset.inquiry;
  let timer, rows;

  async function ask() {
    const list = $("#list[data-poll]"), asked = open();
    const writes = (box) => box === page.activeElement || box.value !== box.defaultValue;
    let pause = page.hidden ? 15 : 4;
    try {
      const seen = $("[name=version]")?.value;
      const doing = $$("textarea").some(writes) ? "replying" : "viewing";
      const answer = list && await fetch(`${list.dataset.poll}&inquiry=${asked}&version=${seen}&doing=${doing}`, {
        headers: { "If-None-Match": list.dataset.stamp },  // asked for by us, a 304 comes through the browser's cache
      });
      if (answer?.status > 399 || answer?.redirected) pause = 60;  // a proxy is away, or the session has ended
      else if (answer?.status === 200 && list.isConnected && asked === open()) {
        list.dataset.stamp = answer.headers.get("ETag");
        show(new Range().createContextualFragment(await answer.text()));
      }
    } catch {
      pause = 30;
    }
    clearTimeout(timer);
    timer = setTimeout(ask, pause * 1000);
  }

  function show(news) {
    for (const now of $$("i", news)) {
      for (const count of $$(`[data-count=${now.dataset.count}]`)) count.textContent = now.textContent;
    }
    $("#presence")?.replaceWith($("#presence", news) ?? "");
    const bar = $("[data-news]");
    let newest = 0;
    for (const row of $$("#rows > *")) {
      const now = $(`#${row.id}`, news);
      newest = Math.max(newest, row.dataset.at);
      row.className = now?.className ?? "inbox-row is-gone";
      const box = $("input", row);
      if (now) $("a", row).innerHTML = $("a", now).innerHTML;
      // What is marked keeps the state in which it was marked.
      if (now && box && !box.checked) box.value = $("input", now).value;
    }
    rows = $$("#rows > *", news);
    const added = rows.filter((row) => !page.getElementById(row.id));
    const come = added.filter((row) => row.dataset.at > newest).length;
    bar.hidden = !added.length;
    bar.textContent = come ? bar.dataset.new.replace("{n}", come) : bar.dataset.changed;
  }

  function mark() {
    $(".back").hash = `row-${open()}`;
    for (const link of $$("#rows a")) link.ariaCurrent = link.parentElement.id === `row-${open()}` || null;
  }

  page.addEventListener("click", ({ target }) => {
    const bar = target.closest("[data-news]"), step = target.closest("[data-move]"), list = $("#rows");
    if (bar) {
      // What is shown already is moved, not made again.
      list.replaceChildren(...rows.map((row) => page.getElementById(row.id) ?? row));
      htmx.process(list);
      $("a", list).focus();
      bar.hidden = true;
      mark();
    }
    if (step) {
      const links = $$("a", list), at = links.indexOf(page.activeElement);
      links[(at < 0 ? links.findIndex((link) => link.ariaCurrent) : at) + +step.dataset.move]?.focus();
    }
  });
  page.addEventListener("htmx:afterSettle", mark);
  page.addEventListener("visibilitychange", () => page.hidden || ask());
  mark();
  timer = setTimeout(ask, 4000);
})();
