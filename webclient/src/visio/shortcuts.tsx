// SPDX-License-Identifier: Apache-2.0
/**
 * shortcuts.tsx - keys as people know them from Jitsi. Single letters can be turned off (WCAG 2.1.4), and do
 * nothing while something is typed or a dialogue is open. Holding the space bar talks, unless a control has the focus.
 */
import { useEffect, useRef, type ReactNode } from 'react';
import { useT, type Key } from '../i18n/i18n';
import { Dialog } from '../ui/dialog';

export interface ShortcutActions {
  toggleMic(): void;
  toggleCamera(): void;
  toggleShare(): void;
  toggleView(): void;
  toggleStrip(): void;
  talk(on: boolean): void;
  help(): void;
}

const LETTERS: Record<string, Exclude<keyof ShortcutActions, 'talk'>> = {
  m: 'toggleMic',
  v: 'toggleCamera',
  d: 'toggleShare',
  w: 'toggleView',
  f: 'toggleStrip',
  '?': 'help',
};

function busy(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]')) return true;
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable="true"]') !== null;
}

function onControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, a, summary') !== null;
}

export function useShortcuts(enabled: boolean, actions: ShortcutActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    if (!enabled) return undefined;
    let talking = false;
    const stopTalking = (): void => {
      if (talking) latest.current.talk(false);
      talking = false;
    };
    const down = (event: KeyboardEvent): void => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
      if (event.key === ' ' && !onControl(event.target)) {
        event.preventDefault();
        talking = true;
        latest.current.talk(true);
        return;
      }
      const action = LETTERS[event.key.toLowerCase()];
      if (!action) return;
      event.preventDefault();
      latest.current[action]();
    };
    const up = (event: KeyboardEvent): void => {
      if (event.key === ' ') stopTalking();
    };
    window.addEventListener('keydown', down);
    window.addEventListener('keyup', up);
    window.addEventListener('blur', stopTalking);
    return () => {
      stopTalking();
      window.removeEventListener('keydown', down);
      window.removeEventListener('keyup', up);
      window.removeEventListener('blur', stopTalking);
    };
  }, [enabled]);
}

const LIST: [string, Key][] = [
  ['M', 'shortcuts.mic'],
  ['V', 'shortcuts.camera'],
  ['D', 'shortcuts.share'],
  ['W', 'shortcuts.view'],
  ['F', 'shortcuts.strip'],
  ['', 'shortcuts.talk'],
  ['?', 'shortcuts.help'],
];

export function ShortcutsDialog(props: {
  enabled: boolean;
  onEnable: (enabled: boolean) => void;
  onClose: () => void;
}): ReactNode {
  const t = useT();
  return (
    <Dialog title={t('shortcuts.title')} onClose={props.onClose}>
      <label className="check">
        <input type="checkbox" checked={props.enabled} onChange={(event) => props.onEnable(event.target.checked)} />
        {t('shortcuts.enabled')}
      </label>
      <dl className="keys">
        {LIST.map(([key, label]) => (
          <div key={label}>
            <dt>
              <kbd>{key || t('shortcuts.space')}</kbd>
            </dt>
            <dd>{t(label)}</dd>
          </div>
        ))}
      </dl>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={props.onClose}>
          {t('dialog.close')}
        </button>
      </div>
    </Dialog>
  );
}
