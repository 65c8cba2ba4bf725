import type { ComponentChildren } from 'preact';

function Icon({ children, size = 18 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg
      {...{ width: size, height: size, viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor' }}
      {...{ 'stroke-width': 1.8, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }}
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

/** A stone leaves the sling: the small one that turns the large one. */
export const Mark = () => (
  <svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true" class="mark">
    <path d="M4 20.5C4 11 11 4.5 20 5" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />
    <path
      d="M4 20.5c5.5 1 10.5-1.5 13-6"
      {...{ fill: 'none', stroke: 'currentColor', 'stroke-width': 2.4, 'stroke-linecap': 'round', opacity: 0.35 }}
    />
    <circle cx="21" cy="5.2" r="3.6" class="stone" />
  </svg>
);

export const Play = () => (
  <svg width="18" height="18" viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">
    <path d="M7 4.500v15a1 1 0 0 0 1.53.850l12-7.500a1 1 0 0 0 0-1.700l-12-7.500A1 1 0 0 0 7 4.500z" />
  </svg>
);
export const Pause = () => (
  <svg width="18" height="18" viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">
    <rect x="6" y="4" width="4" height="16" rx="1.2" />
    <rect x="14" y="4" width="4" height="16" rx="1.2" />
  </svg>
);
export const Back = () => (
  <Icon>
    <path d="M15 5l-7 7 7 7" />
  </Icon>
);
export const Forward = () => (
  <Icon>
    <path d="M9 5l7 7-7 7" />
  </Icon>
);
export const Close = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);
export const Key = () => (
  <Icon size={16}>
    <circle cx="8" cy="15" r="4" />
    <path d="M11 12l8-8M16 7l3 3" />
  </Icon>
);
export const Dice = () => (
  <Icon size={16}>
    <rect x="4" y="4" width="16" height="16" rx="4" />
    <path d="M9 9h.01M15 15h.01M12 12h.01M15 9h.01M9 15h.01" stroke-width="2.6" />
  </Icon>
);
export const Link = () => (
  <Icon size={16}>
    <path d="M10 14a4 4 0 0 0 5.66 0l3-3a4 4 0 0 0-5.66-5.660l-1 1M14 10a4 4 0 0 0-5.66 0l-3 3a4 4 0 0 0 5.66 5.660l1-1" />
  </Icon>
);
export const Download = () => (
  <Icon size={16}>
    <path d="M12 4v11m0 0l-4.5-4.500M12 15l4.5-4.500M5 20h14" />
  </Icon>
);
export const Code = () => (
  <Icon size={16}>
    <path d="M8 7l-5 5 5 5M16 7l5 5-5 5" />
  </Icon>
);
export const Lock = () => (
  <Icon size={16}>
    <rect x="5" y="11" width="14" height="9" rx="2.5" />
    <path d="M8 11V8a4 4 0 0 1 8 0v3" />
  </Icon>
);
export const Sun = () => (
  <Icon>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4" />
  </Icon>
);
export const Moon = () => (
  <Icon>
    <path d="M20 14.500A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.500z" />
  </Icon>
);
export const Half = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 3.500a8.5 8.5 0 0 0 0 17z" fill="currentColor" stroke="none" />
  </Icon>
);
