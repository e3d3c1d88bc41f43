// SPDX-License-Identifier: Apache-2.0
import { createRoot } from 'react-dom/client';
import { Home } from './home';

const root = document.getElementById('root');
if (root) createRoot(root).render(<Home />);
