/** A view that throws takes nothing else with it. */
import { Component, type ReactNode } from 'react';
import { Failure } from '../components/messages';
import { View } from './view';

interface State {
  readonly error: unknown;
  readonly failed: boolean;
}

export class ViewBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { error: null, failed: false };

  static getDerivedStateFromError(error: unknown): State {
    return { error, failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <View title="Something went wrong">
        <Failure title="This view could not be shown" error={this.state.error} onRetry={() => this.setState({ error: null, failed: false })} />
      </View>
    );
  }
}
