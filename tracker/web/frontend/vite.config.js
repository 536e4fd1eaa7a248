// Builds what the pages load: scripts, Tabler, the font, one sprite of icons, and the licences of all of it.
import { readFileSync } from 'node:fs'
import { defineConfig } from 'vite'

const ICONS = 'node_modules/@tabler/icons/icons/outline'

/** One SVG file with a <symbol> for every name in icons.txt, so that a page loads only the icons in use. */
function sprite() {
  const symbol = name => {
    const svg = readFileSync(`${ICONS}/${name}.svg`, 'utf8')
    const paths = svg.match(/<(?:path|circle|rect|line|polyline|ellipse)\b[^>]*\/>/g)
    return (
      `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round">` +
      paths.filter(path => !path.includes('M0 0h24v24H0z')).join('') +
      '</symbol>'
    )
  }
  return {
    name: 'sprite',
    buildStart() {
      this.addWatchFile('icons.txt')
    },
    generateBundle() {
      const names = readFileSync('icons.txt', 'utf8').split('\n').filter(line => line && !line.startsWith('#'))
      this.emitFile({
        type: 'asset',
        name: 'icons.svg',
        originalFileName: 'src/icons.svg',
        source: `<svg xmlns="http://www.w3.org/2000/svg">${names.map(symbol).join('\n')}</svg>\n`,
      })
    },
  }
}

/** The licences of what Vite does not count as bundled code: style sheets, the font, the icons. */
function otherLicences() {
  const packages = ['@tabler/core', '@tabler/icons', '@fontsource-variable/inter', 'tom-select']
  return {
    name: 'other-licences',
    generateBundle() {
      const texts = packages.map(name => {
        const about = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'))
        // @tabler/core comes without the text; it is that of its icons, by the same author
        const text = read(`node_modules/${name}/LICENSE`) ?? readFileSync('node_modules/@tabler/icons/LICENSE', 'utf8')
        return `## ${name} ${about.version} (${about.license})\n\n${text}`
      })
      this.emitFile({ type: 'asset', fileName: 'licences-styles.md', source: texts.join('\n\n') })
    },
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

export default defineConfig({
  base: './',
  publicDir: false,
  plugins: [sprite(), otherLicences()],
  build: {
    outDir: '../static/dist',
    emptyOutDir: true,
    manifest: 'manifest.json',
    license: { fileName: 'licences-scripts.md' },
    modulePreload: false, // one script a page: nothing to preload
    assetsInlineLimit: 0, // fonts as files, for the content security policy
    target: ['chrome123', 'firefox121', 'safari17.5'], // the first with light-dark(), :has() and nesting
    rollupOptions: {
      input: {
        main: 'src/main.js',
        theme: 'src/theme.js',
        style: 'src/main.css',
        tabler: 'src/tabler.css',
        'tabler-rtl': 'src/tabler-rtl.css',
      },
    },
  },
})
