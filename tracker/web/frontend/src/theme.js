// Light, dark, or as the system has it. Loaded in the head as a classic script, so that no page flashes.
;(() => {
  const KEY = 'tracker-theme'
  const system = matchMedia('(prefers-color-scheme: dark)')

  const choice = () => {
    try {
      return localStorage.getItem(KEY) ?? 'system'
    } catch {
      return 'system' // storage is shut: private window, policy
    }
  }

  const paint = () => {
    const wanted = choice()
    const dark = wanted === 'dark' || (wanted === 'system' && system.matches)
    document.documentElement.dataset.bsTheme = dark ? 'dark' : 'light'
    for (const button of document.querySelectorAll('[data-theme-choice]')) {
      button.setAttribute('aria-pressed', String(button.dataset.themeChoice === wanted))
    }
  }

  paint()
  system.addEventListener('change', paint)
  addEventListener('storage', paint)
  addEventListener('DOMContentLoaded', paint)
  document.addEventListener('click', event => {
    const button = event.target.closest?.('[data-theme-choice]')
    if (!button) return
    try {
      localStorage.setItem(KEY, button.dataset.themeChoice)
    } catch {
      // the choice then lasts as long as the page
      document.documentElement.dataset.bsTheme = button.dataset.themeChoice
      return
    }
    paint()
  })
})()
