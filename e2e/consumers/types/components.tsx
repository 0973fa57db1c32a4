import { Security, SegnoProvider, Show, SignIn, useAuth, useSession, useUser } from "@segno/react";
import { client } from "./library.js";

export const useWho = () => ({ auth: useAuth(), session: useSession(), user: useUser() });

export const App = () => (
  <SegnoProvider client={client}>
    <Show when="signed-in" fallback={<SignIn />}>
      <Security />
    </Show>
  </SegnoProvider>
);
