// One key for each control that names it: <button data-key="s">. Never while somebody types or converts kana.
(() => {
  const typed = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])";
  const controls = () =>
    [...document.querySelectorAll("[data-key]")].filter((control) => control.getClientRects().length);

  function help() {
    const list = document.querySelector("#keys tbody");
    list.replaceChildren();
    for (const control of controls()) {
      const row = list.insertRow();
      const key = row.insertCell().appendChild(document.createElement("kbd"));
      key.className = "kbd";
      key.textContent = control.dataset.key;
      row.insertCell().textContent = control.ariaLabel || (control.labels?.[0] || control).textContent;
    }
    list.closest("dialog").showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    if (event.target.closest(typed)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const control = controls().find((one) => one.dataset.key === event.key);
    if (event.key === "?") help();
    else if (control?.matches(typed)) control.focus();
    else if (control) control.click();
    else return;
    event.preventDefault();
    document.getElementById(control?.dataset.box)?.focus();
  });
})();
