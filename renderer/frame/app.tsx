/** The window: rail, view, status bar, and what lies over them. */
import { lazy, Suspense, useEffect, useState } from 'react';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { ask, Refused, shell } from '../client';
import { AfterPaint } from '../components/after-paint';
import { Failure, Loading } from '../components/messages';
import { StateShape } from '../components/state-mark';
import { answers } from '../state/answers';
import { listen, useCommand } from '../state/commands';
import { useLive } from '../state/live';
import { acceptFiles, newStudy, openFile, openSample } from '../state/open-file';
import { go, goBack, goForward, keepSelectionOut, usePlace, type Place } from '../state/place';
import { styleNonce, systemScheme, theme, variables } from '../theme/mantine';
import { Experiments } from '../views/experiments/experiments';
import { RailBar } from './rail';
import { StatusBar } from './status-bar';
import { View } from './view';
import { ViewBoundary } from './view-boundary';
import '../theme/mantine.css';
import '@mantine/notifications/styles.layer.css';
import './frame.css';

// The first view comes with the frame; the others when they are shown.
const Run = lazy(async () => ({ default: (await import('../views/run/run')).Run }));
const Ablations = lazy(async () => ({ default: (await import('../views/ablation/ablations')).Ablations }));
const Study = lazy(async () => ({ default: (await import('../views/ablation/study')).Study }));
const Editor = lazy(async () => ({ default: (await import('../views/ablation/editor')).Editor }));
const Compare = lazy(async () => ({ default: (await import('../views/compare/compare')).Compare }));
const SideBySide = lazy(async () => ({ default: (await import('../views/compare/side-by-side')).SideBySide }));
const Bundles = lazy(async () => ({ default: (await import('../views/bundles/bundles')).Bundles }));
const ExportBundle = lazy(async () => ({ default: (await import('../views/bundles/export')).ExportBundle }));
const Bundle = lazy(async () => ({ default: (await import('../views/bundles/bundle')).Bundle }));
const Verdict = lazy(async () => ({ default: (await import('../views/bundles/verdict')).Verdict }));
const Machines = lazy(async () => ({ default: (await import('../views/machines/machines')).Machines }));
const Settings = lazy(async () => ({ default: (await import('../views/settings/settings')).Settings }));
const ImportRuns = lazy(async () => ({ default: (await import('../views/transfer/import')).ImportRuns }));
const ExportRuns = lazy(async () => ({ default: (await import('../views/transfer/export-runs')).ExportRuns }));
const Notices = lazy(async () => ({ default: (await import('./notices')).Notices }));
const Palette = lazy(async () => ({ default: (await import('./palette')).Palette }));

function Shown({ place }: { readonly place: Place }) {
  switch (place.view) {
    case 'experiments':
      return <Experiments experiment={place.experiment ?? null} />;
    case 'run':
      return <Run run={place.run} />;
    case 'import':
      return <ImportRuns path={place.path} />;
    case 'export-runs':
      return <ExportRuns target={place.target} name={place.name} />;
    case 'ablations':
      return <Ablations />;
    case 'study':
      return <Study studyId={place.studyId} />;
    case 'editor':
      return <Editor />;
    case 'compare':
      return <Compare experiment={place.experiment ?? null} />;
    case 'side-by-side':
      return <SideBySide runs={place.runs} />;
    case 'bundles':
      return <Bundles />;
    case 'export':
      return <ExportBundle target={place.target} />;
    case 'bundle':
      return <Bundle file={place.file} />;
    case 'verdict':
      return <Verdict verdictId={place.verdictId} />;
    case 'machines':
      return <Machines />;
    case 'settings':
      return <Settings />;
  }
}

function Restarting() {
  const { status } = useLive((state) => state.engine);
  return (
    <div role="status">
      {status === 'restarting' && (
        <p className="frame-notice">
          <span className="state interrupted">
            <StateShape status="interrupted" />
          </span>
          The engine stopped and is being restarted. Nothing acknowledged was lost; runs go on from their last checkpoint.
        </p>
      )}
    </div>
  );
}

function Content() {
  const place = usePlace((state) => state.place);
  const engine = useLive((state) => state.engine);
  const opened = useLive((state) => state.info !== null);
  if (engine.status === 'failed' && place.view !== 'settings') {
    return (
      <View title="Workspace">
        <Failure
          title={engine.error.code === 'ENGINE_CRASHED' ? 'The engine keeps stopping' : 'The workspace could not be opened'}
          error={new Refused(engine.error)}
          onRetry={() => void shell.restartEngine({})}
        />
      </View>
    );
  }
  if (!opened && engine.status !== 'ready') {
    return (
      <View title="Workspace">
        <Loading text="Opening the workspace…" />
      </View>
    );
  }
  return (
    <ViewBoundary key={JSON.stringify(place)}>
      <Suspense fallback={<main className="view-main" />}>
        <Shown place={place} />
      </Suspense>
    </ViewBoundary>
  );
}

const places = {
  experiments: () => go({ view: 'experiments' }),
  ablations: () => go({ view: 'ablations' }),
  compare: () => go({ view: 'compare' }),
  bundles: () => go({ view: 'bundles' }),
  machines: () => go({ view: 'machines' }),
  settings: () => go({ view: 'settings' }),
};
const themes = {
  light: () => void ask(shell.setSettings({ theme: 'light' })),
  dark: () => void ask(shell.setSettings({ theme: 'dark' })),
  system: () => void ask(shell.setSettings({ theme: 'system' })),
};
const openStudyOrBundle = (): void => void openFile('study');
const beginStudy = (): void => void newStudy();
const openTheSample = (): void => void openSample();
const openTheSampleOfACommand = (): void => void openSample('command');
const importRuns = (): void => go({ view: 'import', path: null });
const showLogs = (): void => void shell.showLogs({});

function FrameCommands() {
  const canGoBack = usePlace((state) => state.back.length > 0);
  const canGoForward = usePlace((state) => state.forward.length > 0);
  useEffect(listen, []);
  useEffect(acceptFiles, []);
  useEffect(keepSelectionOut, []);
  useCommand('go.experiments', places.experiments);
  useCommand('go.ablations', places.ablations);
  useCommand('go.compare', places.compare);
  useCommand('go.bundles', places.bundles);
  useCommand('go.machines', places.machines);
  useCommand('go.settings', places.settings);
  useCommand('go.back', canGoBack ? goBack : null);
  useCommand('go.forward', canGoForward ? goForward : null);
  useCommand('view.light', themes.light);
  useCommand('view.dark', themes.dark);
  useCommand('view.system', themes.system);
  useCommand('file.open', openStudyOrBundle);
  useCommand('study.new', beginStudy);
  useCommand('study.sample', openTheSample);
  useCommand('study.sampleCommand', openTheSampleOfACommand);
  useCommand('runs.import', importRuns);
  useCommand('help.logs', showLogs);
  return null;
}

function PaletteDoor() {
  const [asked, setAsked] = useState(0);
  const [open] = useState(() => () => setAsked((times) => times + 1));
  useCommand('view.palette', open);
  return asked === 0 ? null : (
    <Suspense fallback={null}>
      <Palette asked={asked} />
    </Suspense>
  );
}

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} colorSchemeManager={systemScheme} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <QueryClientProvider client={answers}>
        <AfterPaint>
          <Notices />
        </AfterPaint>
        <FrameCommands />
        <PaletteDoor />
        <div className="frame">
          <RailBar />
          <div className="frame-main">
            <Restarting />
            <Content />
          </div>
          <StatusBar />
        </div>
      </QueryClientProvider>
    </MantineProvider>
  );
}
