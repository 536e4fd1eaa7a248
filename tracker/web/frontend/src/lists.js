// Lists: what is selected, and the keys that move in them. Everything here has a way without scripts.
//   [data-list]          the table; its rows are [data-row]
//   [data-pick]          the box of a row; Shift selects all between
//   [data-pick-all]      the box in the head
let at = null // the row that J and K stand on
let last = null // the box that was pressed last

export function listenToLists() {
  document.addEventListener('click', event => {
    const box = event.target.closest?.('[data-pick]')
    if (box) {
      if (event.shiftKey && last?.isConnected) between(last, box)
      last = box
    }
    const head = event.shiftKey && event.target.closest?.('th a[data-adding]')
    if (head) {
      event.preventDefault()
      location.assign(head.dataset.adding)
    }
  })
  document.addEventListener('change', event => {
    if (event.target.matches?.('[data-pick-all]')) for (const box of boxes()) box.checked = event.target.checked
    if (event.target.matches?.('[data-pick], [data-pick-all]')) tell()
  })
  document.addEventListener('reset', () => setTimeout(tell))
  addEventListener('pageshow', tell)
}

/** Do what a letter says here; true when it meant something. */
export function pressInList(key) {
  const rows = [...document.querySelectorAll('[data-list] [data-row]')]
  if (!rows.length) return false
  if (key === 'j' || key === 'k') stand(rows, key === 'j' ? 1 : -1)
  else if (key === 'x' && at?.isConnected) at.querySelector('[data-pick]')?.click()
  else if (key === 'enter' && at?.isConnected) at.querySelector('a')?.click()
  else return false
  return true
}

function stand(rows, step) {
  const place = rows.indexOf(at)
  at?.classList.remove('tk-at')
  at = rows[Math.min(rows.length - 1, Math.max(0, place < 0 ? 0 : place + step))]
  at.classList.add('tk-at')
  at.querySelector('a')?.focus({ preventScroll: true })
  at.scrollIntoView({ block: 'nearest' })
}

const boxes = () => [...document.querySelectorAll('[data-pick]')]

function between(one, other) {
  const all = boxes()
  const [from, to] = [all.indexOf(one), all.indexOf(other)].sort((a, b) => a - b)
  for (const box of all.slice(from, to + 1)) box.checked = other.checked
}

function tell() {
  const all = boxes()
  const n = all.filter(box => box.checked).length
  for (const place of document.querySelectorAll('[data-picked-count]')) place.textContent = n
  for (const head of document.querySelectorAll('[data-pick-all]')) {
    head.checked = n > 0 && n === all.length
    head.indeterminate = n > 0 && n < all.length
  }
}
