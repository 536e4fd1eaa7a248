// Revealed values go away: after their seconds, on Hide, on printing and on leaving. Also: focus on a
// form's errors, and closing the history drawer.
import htmx from './htmx.js'

const SEEN = new WeakSet()

export function hideRevealed(root) {
  for (const shown of found(root, '[data-revealed]')) {
    if (!SEEN.has(shown)) start(shown)
  }
  for (const errors of found(root, '[data-focus]')) errors.focus()
  for (const drawer of found(root, '[data-drawer]')) openDrawer(drawer)
}

function found(root, selector) {
  const all = [...root.querySelectorAll(selector)]
  if (root.matches?.(selector)) all.push(root)
  return all
}

function start(shown) {
  SEEN.add(shown)
  const hide = () => mask(shown)
  const clock = setTimeout(hide, Number(shown.dataset.revealed) * 1000)
  const button = shown.querySelector('[data-hide]')
  const copy = shown.querySelector('[data-copy]')
  button.hidden = copy.hidden = false
  button.addEventListener('click', () => {
    clearTimeout(clock)
    hide()
  })
  copy.addEventListener('click', () => navigator.clipboard?.writeText(shown.querySelector('.tk-plain').textContent))
  button.focus()
}

/** Put the mask back; without it, as on a page of its own, only the value goes. */
function mask(shown) {
  if (!shown.isConnected) return
  const place = shown.closest('dd')
  const masked = shown.querySelector('template[data-mask]')?.content.cloneNode(true)
  if (!place || !masked) {
    shown.remove()
    return
  }
  const focused = place.contains(document.activeElement)
  place.replaceChildren(masked)
  htmx.process(place)
  if (focused) place.querySelector('button')?.focus()
}

function openDrawer(drawer) {
  const back = document.activeElement
  drawer.focus()
  const close = event => {
    event.preventDefault()
    drawer.remove()
    document.removeEventListener('keydown', byKey)
    history.replaceState(history.state, '', drawer.querySelector('[data-close]').href)
    back?.focus?.()
  }
  const byKey = event => {
    if (!drawer.isConnected) document.removeEventListener('keydown', byKey)
    else if (event.key === 'Escape') close(event)
  }
  drawer.querySelector('[data-close]').addEventListener('click', close)
  document.addEventListener('keydown', byKey)
}

export function hideOnLeaving() {
  const all = () => document.querySelectorAll('[data-revealed]').forEach(mask)
  addEventListener('beforeprint', all)
  addEventListener('pagehide', all)
}
