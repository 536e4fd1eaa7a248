// htmx reads this tag once, when it is imported; so this file comes first.
const tag = document.createElement('meta')
tag.name = 'htmx-config'
tag.content = JSON.stringify({ includeIndicatorCSS: false })
document.head.append(tag)
