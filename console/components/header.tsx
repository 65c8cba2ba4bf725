import { apiKey, models } from '../key.ts';
import { theme, themes } from '../themes.ts';
import { type View, view, views } from '../views.ts';
import { openDialog } from './dialog.tsx';
import { Half, Key, Mark, Moon, Sun } from './icons.tsx';

const themeIcons = { system: <Half />, light: <Sun />, dark: <Moon /> };

export function Header() {
  const next = themes[(themes.indexOf(theme.value) + 1) % themes.length];
  const tenant = models.value.find((model) => model.includes('+'))?.split('+')[1];
  return (
    <header class="page-header">
      <a class="brand" href="#/">
        <Mark />
        <span>Slingshot</span>
      </a>
      <nav aria-label="Pages">
        {(Object.keys(views) as View[]).map((name) => (
          <a key={name} href={`#/${name}`} aria-current={view.value === name ? 'page' : undefined}>
            {views[name]}
          </a>
        ))}
      </nav>
      <div class="actions">
        <button
          type="button"
          class={apiKey.value ? 'quiet key has-key' : 'quiet key'}
          onClick={() => openDialog('key')}
        >
          <Key /> <span>{apiKey.value ? (tenant ?? 'key in use') : 'Use a key'}</span>
        </button>
        <button
          type="button"
          class="icon"
          aria-label={`Colours: ${theme.value}; change to ${next}`}
          title={`Colours: ${theme.value}`}
          onClick={() => {
            theme.value = next;
          }}
        >
          {themeIcons[theme.value]}
        </button>
      </div>
    </header>
  );
}
