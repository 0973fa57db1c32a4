/** As much of it as a node uses. */
declare module "nodemailer" {
  const nodemailer: {
    createTransport(options: {
      readonly host: string;
      readonly port: number;
      readonly secure: boolean;
      readonly ignoreTLS: boolean;
    }): { sendMail(message: object): Promise<unknown> };
  };
  export default nodemailer;
}
