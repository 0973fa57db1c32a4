export type { Auth, Messages, SegnoProviderProps, ShowProps, SignInProps } from "@segno/react";
export {
  Security,
  SegnoProvider,
  Show,
  SignIn,
  StepUpDialog,
  useAuth,
  useSession,
  useSignIn,
  useStepUp,
  useUser,
} from "@segno/react";
