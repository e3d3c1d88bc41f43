// SPDX-License-Identifier: Apache-2.0
/** icons.tsx - 24 px line icons; decoration only, the words stand next to them. */
import type { ReactNode } from 'react';

const shapes = {
  mic: <path d="M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21" />,
  micOff: (
    <path d="M9 9v2a3 3 0 0 0 4.6 2.5M15 11.200V6a3 3 0 0 0-5.800-1M5.500 11a6.500 6.500 0 0 0 10.300 5.300M18 13.500a6.500 6.500 0 0 0 .500-2.500M12 17.500V21M4 4l16 16" />
  ),
  camera: <path d="M4 7h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2ZM15 11l6-3.500v9L15 13" />,
  cameraOff: (
    <path d="M9.500 7H13a2 2 0 0 1 2 2v3.500M15 15.500a2 2 0 0 1-2 1.500H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2h.500M15 11l6-3.500v9L17.500 14.500M3 3l18 18" />
  ),
  share: <path d="M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1ZM8 21h8M12 14V8.500M9 11l3-3 3 3" />,
  shareStop: <path d="M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1ZM8 21h8M9.500 8.500l5 5M14.500 8.500l-5 5" />,
  follow: <path d="M4 4h16v11H4zM12 7a1.800 1.800 0 1 1 0 3.600A1.800 1.800 0 0 1 12 7ZM8.500 15c0-2 1.500-3.200 3.500-3.200s3.500 1.200 3.500 3.200M4 19.500h4M10 19.500h4M16 19.500h4" />,
  grid: <path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" />,
  leave: <path d="M3 13.500c5-4.700 13-4.700 18 0l-2.200 2.700-3.800-1.500v-2.400a10 10 0 0 0-6 0v2.400l-3.800 1.500Z" />,
  settings: (
    <path d="M4 7h9M17 7h3M4 17h3M11 17h9M15 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4ZM9 15a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z" />
  ),
  keyboard: <path d="M3 6h18v12H3zM6.500 9.500h.01M10 9.500h.01M14 9.500h.01M17.500 9.500h.01M6.500 12.500h.01M17.500 12.500h.01M9 15h6M10 12.500h4" />,
  pin: <path d="M9 3h6l-1 6 3.500 3v2h-11v-2L10 9ZM12 14v7" />,
  menu: <path d="M12 5.500h.01M12 12h.01M12 18.500h.01" strokeWidth="3" />,
  warning: <path d="M12 4 2.800 20h18.400ZM12 10v4.500M12 17.300h.01" />,
  people: <path d="M9 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM3.500 19c0-3 2.300-5 5.500-5s5.500 2 5.500 5M16 5.500a3 3 0 0 1 0 5.500M17 14.200c2.200.600 3.500 2.400 3.500 4.800" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {shapes[name]}
    </svg>
  );
}
