// SPDX-License-Identifier: Apache-2.0
import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

/** The browser's own modal dialogue: it keeps the focus inside, Escape closes, focus goes back afterwards. */
export function Dialog(props: { title: string; onClose: () => void; children: ReactNode }): ReactNode {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Layout effect: closed while still in the page, or the focus would not go back to the opener.
  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} className="dialog" aria-labelledby={heading} onClose={props.onClose}>
      <h2 id={heading}>{props.title}</h2>
      {props.children}
    </dialog>
  );
}
