// Keys that hold on every page: `/` or Ctrl K to the search box, Ctrl S saves the form marked data-save,
// Ctrl Z outside a text box presses the newest Undo. Single letters press what is marked for them:
//   [data-new] N · [data-change] E · [data-add-condition] F · [data-keys-list] ? · G then H goes home
// They can be switched off: [data-keys-off] is a box that keeps the choice on this computer.
import { pressInList } from './lists.js'

const OFF = 'tracker-no-letters'
const LETTERS = { n: '[data-new]', e: '[data-change]', f: '[data-add-condition]' }
let waiting = 0 // until when a letter after G counts

export function listenToKeys() {
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return
    const command = event.ctrlKey || event.metaKey
    const key = event.key.toLowerCase()
    if (command && !event.shiftKey && key === 's') save(event)
    else if (command && !event.shiftKey && key === 'k') search(event)
    else if (command && !event.shiftKey && key === 'z' && !isTyping(event.target)) press(event, '[data-undo]', true)
    else if (!command && !isTyping(event.target)) letter(event, key)
  })
  document.addEventListener('change', event => {
    if (event.target.matches?.('[data-keys-off]')) keep(event.target.checked)
  })
  document.addEventListener('toggle', event => {
    const box = event.target.querySelector?.('[data-keys-off]')
    if (box) box.checked = areOff()
  }, true)
}

function letter(event, key) {
  if (key === '/') return search(event)
  if (areOff() || document.querySelector('dialog[open]')) return
  if (key === '?') {
    event.preventDefault()
    document.querySelector('[data-keys-list]')?.togglePopover?.()
  } else if (waiting > Date.now()) {
    waiting = 0
    if (key === 'h') press(event, '.tk-house')
    else if (/^[1-9]$/.test(key)) press(event, null, false, document.querySelectorAll('.tk-side > .tk-nav')[key])
  } else if (key === 'g') waiting = Date.now() + 1500
  else if (key === 'enter' ? isFree(event.target) && pressInList(key) : pressInList(key)) event.preventDefault()
  else if (LETTERS[key]) press(event, LETTERS[key])
}

function press(event, selector, newest = false, element = null) {
  const found = element ?? [...document.querySelectorAll(selector)].at(newest ? -1 : 0)
  if (!found) return
  event.preventDefault()
  found.click()
}

function save(event) {
  const form = event.target.closest?.('form[data-save]') ?? document.querySelector('form[data-save]')
  if (!form) return
  event.preventDefault()
  form.requestSubmit(form.querySelector('button[type="submit"]:not([name])') ?? undefined)
}

/** Focus the box, or press what opens it. */
function search(event) {
  const box = [...document.querySelectorAll('[data-search]')].find(each => each.checkVisibility())
  if (!box) return
  event.preventDefault()
  if (box.matches('input')) {
    box.focus()
    box.select()
  } else box.click()
}

function areOff() {
  try {
    return localStorage.getItem(OFF) === '1'
  } catch {
    return false
  }
}

function keep(off) {
  try {
    localStorage.setItem(OFF, off ? '1' : '')
  } catch {
    // storage is shut: letters stay on
  }
}

const isFree = element => !element.matches?.('a, button, summary, [tabindex="0"]')

function isTyping(element) {
  return element.isContentEditable || element.matches?.('textarea, select, input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"])')
}
