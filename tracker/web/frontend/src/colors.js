// Colors: `[data-color]` holds a text, and the browser's own picker beside it, which nobody sees without scripts.
const WHOLE = /^#?([0-9a-f]{6})$/i

export function joinColors(root) {
  const boxes = [...root.querySelectorAll('[data-color]')]
  if (root.matches?.('[data-color]')) boxes.push(root)
  for (const box of boxes) join(box.querySelector('[name]'), box.querySelector('[type=color]'))
}

function join(text, picker) {
  if (!picker.hidden) return
  picker.hidden = false
  picker.addEventListener('input', () => {
    text.value = picker.value
    text.dispatchEvent(new Event('change', { bubbles: true }))
  })
  text.addEventListener('input', () => {
    const typed = WHOLE.exec(text.value.trim())
    if (typed) picker.value = `#${typed[1]}`
  })
}
