// A form with data-once is sent once: its buttons rest after the first submit and wake when the page is shown again.
(() => {
  const sent = new WeakSet();

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]") || event.defaultPrevented) return;
    if (sent.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    sent.add(form);
    // After the browser has collected the fields, so that the pressed button's name and value are sent too.
    setTimeout(() => {
      for (const button of buttons(form)) {
        button.disabled = true;
        button.ariaBusy = "true";
      }
    });
  }, true);

  function buttons(form) {
    return [...form.elements].filter((element) => element.type === "submit");
  }

  function wake(form) {
    sent.delete(form);
    for (const button of buttons(form)) {
      if (button.ariaBusy) button.disabled = button.ariaBusy = null;
    }
  }

  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-once]").forEach(wake);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest("form[data-once]");
    if (form) wake(form);
  });
})();
