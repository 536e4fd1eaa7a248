// Toasts go away by themselves after 8 seconds, but not under the mouse or the focus.
const STAY_MS = 8000
const FADE_MS = 200
const SEEN = new WeakSet()

export function fadeToasts(root) {
  const toasts = [...root.querySelectorAll('.tk-toast:not([data-stay])')]
  if (root.matches?.('.tk-toast:not([data-stay])')) toasts.push(root)
  for (const toast of toasts) {
    if (!SEEN.has(toast)) start(toast)
  }
}

function start(toast) {
  SEEN.add(toast)
  let clock
  const run = () => {
    clearTimeout(clock)
    clock = setTimeout(go, STAY_MS)
  }
  const go = () => {
    if (toast.matches(':hover, :focus-within')) return
    toast.classList.add('tk-going')
    setTimeout(() => toast.remove(), FADE_MS)
  }
  toast.addEventListener('pointerleave', run)
  toast.addEventListener('focusout', run)
  run()
}
