// Menus are <details>: they open without this script. It closes them on Escape and on a click elsewhere. Of tabs that scroll, the current one is in sight.
(() => {
  for (const tab of document.querySelectorAll(".tabs > [aria-current]")) tab.parentNode.scrollLeft = tab.offsetLeft - 180;
  const open = () => document.querySelectorAll("details[data-drawer][open], details.popover[open]");

  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
