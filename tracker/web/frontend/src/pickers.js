// Pickers: `select[data-picker]` becomes a box to type in.
//   data-url   ask this address, `?q=typed`, for [{value, text, note}, ...]; without it the options are searched
//   data-none  what to say when nothing was found
import TomSelect from 'tom-select/popular'

const HITS = 8

export function makePickers(root) {
  const selects = [...root.querySelectorAll('select[data-picker]')]
  if (root.matches?.('select[data-picker]')) selects.push(root)
  for (const select of selects) makePicker(select)
}

function makePicker(select) {
  if (select.tomselect?.wrapper.isConnected) return
  select.tomselect?.destroy() // a swap took the box away and left the select
  const { url, none = '' } = select.dataset
  new TomSelect(select, {
    plugins: select.multiple ? ['remove_button'] : [],
    allowEmptyOption: !select.required,
    maxOptions: url ? HITS : 500,
    hideSelected: Boolean(url || select.multiple),
    searchField: ['text', 'note'],
    score: url ? () => () => 1 : undefined, // the server judged already, and put the best first
    load: url ? (typed, show) => ask(url, typed).then(show, () => show()) : undefined,
    shouldLoad: typed => typed.length > 0,
    onType() {
      if (url) this.clearOptions(option => this.items.includes(String(option.value)))
    },
    render: {
      option: (option, escape) =>
        `<div><span>${escape(option.text)}</span>${option.note ? ` <small class="tk-3">${escape(option.note)}</small>` : ''}</div>`,
      item: (option, escape) => `<div>${escape(option.text.trim())}</div>`, // a node of a tree is indented in the list
      no_results: (_, escape) => (none ? `<div class="no-results">${escape(none)}</div>` : ''),
      loading: () => '',
      ...(select.multiple ? {} : { not_loading: () => '' }),
    },
  })
}

async function ask(url, typed) {
  const address = new URL(url, location.href)
  address.searchParams.set('q', typed)
  const answer = await fetch(address, { headers: { Accept: 'application/json' }, mode: 'same-origin' })
  if (!answer.ok) throw new Error(`${address.pathname} answered ${answer.status}`)
  return answer.json()
}
