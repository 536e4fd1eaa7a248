// What every page runs. Each part finds its elements by a data- attribute, on load and after every swap.
import htmx from './htmx.js'
import { joinColors } from './colors.js'
import { listenToKeys } from './keys.js'
import { listenToLists } from './lists.js'
import { makePickers } from './pickers.js'
import { hideOnLeaving, hideRevealed } from './reveal.js'
import { fadeToasts } from './toasts.js'

listenToKeys()
listenToLists()
hideOnLeaving()
htmx.onLoad(root => {
  makePickers(root)
  joinColors(root)
  fadeToasts(root)
  hideRevealed(root)
})
