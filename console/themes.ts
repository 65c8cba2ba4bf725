import { effect, signal } from '@preact/signals';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const item = 'slingshot.theme';

function stored(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(item)) ?? 'system';
  } catch {
    return 'system';
  }
}

export const theme = signal<Theme>(stored());

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  try {
    localStorage.setItem(item, theme.value);
  } catch {
    // A page that may keep nothing is as the system is next time.
  }
});
