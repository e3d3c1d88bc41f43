// SPDX-License-Identifier: Apache-2.0
/** controls.tsx - the five labelled controls (FEATURES 68). */
import type { ReactNode } from 'react';
import { useT, type Key } from '../i18n/i18n';
import { canShareScreen, isOn, type LocalMedia } from '../rtc/media';
import type { Snapshot, VisioSession } from '../rtc/session';
import { Icon, type IconName } from '../ui/icons';
import { useStore } from '../ui/use_store';

function Control(props: {
  hook: string;
  icon: IconName;
  label: Key;
  shortcut?: string | undefined;
  kind?: 'off' | 'active' | 'leave' | undefined;
  disabled?: boolean;
  onPress: () => void;
}): ReactNode {
  const t = useT();
  return (
    <button
      type="button"
      className="control"
      data-testid={props.hook}
      data-kind={props.kind}
      aria-keyshortcuts={props.shortcut}
      disabled={props.disabled}
      onClick={props.onPress}
    >
      <Icon name={props.icon} />
      <span>{t(props.label)}</span>
    </button>
  );
}

export interface ControlActions {
  toggleView(): void;
  toggleShare(): void;
  toggleCamera(): void;
  toggleMic(): void;
}

export function Controls(props: {
  session: VisioSession;
  media: LocalMedia;
  snapshot: Snapshot;
  /** Something is enlarged because it was asked for, so the grid is what can be asked for next. */
  staged: boolean;
  shortcuts: boolean;
  actions: ControlActions;
}): ReactNode {
  const { snapshot, actions, staged } = props;
  const t = useT();
  const media = useStore(props.media);
  const cameraOn = isOn(media.camera);
  const micOn = isOn(media.mic);
  const sharing = snapshot.screen !== null;
  const { rights, phase } = snapshot.room;
  const may = (right: (typeof rights)[number]): boolean => phase === 'connecting' || rights.includes(right);
  const key = (shortcut: string): string | undefined => (props.shortcuts ? shortcut : undefined);
  return (
    <footer>
      <div className="controls" role="group" aria-label={t('meeting.controls')}>
      <Control
        hook="control-follow"
        icon={staged ? 'grid' : 'follow'}
        label={staged ? 'control.grid' : 'control.follow'}
        shortcut={key('W')}
        kind={staged ? 'active' : undefined}
        onPress={actions.toggleView}
      />
      {canShareScreen() && (
        <Control
          hook="control-share"
          icon={sharing ? 'shareStop' : 'share'}
          label={sharing ? 'control.share_stop' : 'control.share'}
          shortcut={key('D')}
          kind={sharing ? 'active' : undefined}
          disabled={!may('publish_screen')}
          onPress={actions.toggleShare}
        />
      )}
      <Control
        hook="control-camera"
        icon={cameraOn ? 'camera' : 'cameraOff'}
        label={cameraOn ? 'control.camera_off' : 'control.camera_on'}
        shortcut={key('V')}
        kind={cameraOn ? undefined : 'off'}
        disabled={!may('publish_video')}
        onPress={actions.toggleCamera}
      />
      <Control
        hook="control-mic"
        icon={micOn ? 'mic' : 'micOff'}
        label={micOn ? 'control.mic_off' : 'control.mic_on'}
        shortcut={key('M')}
        kind={micOn ? undefined : 'off'}
        disabled={!may('publish_audio')}
        onPress={actions.toggleMic}
      />
      <Control hook="control-leave" icon="leave" label="control.leave" kind="leave" onPress={() => props.session.leave()} />
      </div>
    </footer>
  );
}
