// Keys that hold on every page: `/` or Ctrl K to the search box, Ctrl S saves the form marked data-save.
export function listenToKeys() {
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return
    const command = event.ctrlKey || event.metaKey
    const key = event.key.toLowerCase()
    if (command && !event.shiftKey && key === 's') save(event)
    else if (command && !event.shiftKey && key === 'k') search(event)
    else if (!command && key === '/' && !isTyping(event.target)) search(event)
  })
}

function save(event) {
  const form = event.target.closest?.('form[data-save]') ?? document.querySelector('form[data-save]')
  if (!form) return
  event.preventDefault()
  form.requestSubmit(form.querySelector('button[type="submit"]:not([name])') ?? undefined)
}

/** Focus the box, or press what opens it. */
function search(event) {
  const box = document.querySelector('[data-search]')
  if (!box) return
  event.preventDefault()
  if (box.matches('input')) {
    box.focus()
    box.select()
  } else box.click()
}

function isTyping(element) {
  return element.isContentEditable || element.matches?.('textarea, select, input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"])')
}
