import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import javax.net.ssl.*;

/** A TLS server that demands client certificates, and repeats a line with the client's name before it. */
public class TlsServer {
  /**
   * Arguments: port, keystore (PKCS #12, password "changeit"), clients' CA (PEM), and what of clients:
   * "need" (unless told) or "want" a certificate, or "any": one that nobody verifies.
   */
  public static void main(String[] arguments) throws Exception {
    char[] password = "changeit".toCharArray();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream file = Files.newInputStream(Path.of(arguments[1]))) {
      keys.load(file, password);
    }
    KeyManagerFactory managers = KeyManagerFactory.getInstance("NewSunX509");
    managers.init(keys, password);
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (InputStream file = Files.newInputStream(Path.of(arguments[2]))) {
      trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    String policy = arguments.length > 3 ? arguments[3] : "need";
    TrustManager[] trusts = policy.equals("any") ? new TrustManager[] {new Everybody()} : trust.getTrustManagers();
    context.init(managers.getKeyManagers(), trusts, null);
    SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory()
        .createServerSocket(Integer.parseInt(arguments[0]), 50, java.net.InetAddress.getLoopbackAddress());
    if (policy.equals("want")) server.setWantClientAuth(true);
    else server.setNeedClientAuth(true);
    while (true) {
      SSLSocket socket = (SSLSocket) server.accept();
      Thread thread = new Thread(() -> greet(socket));
      thread.setDaemon(true);
      thread.start();
    }
  }

  private static String nameOf(SSLSession session) {
    try {
      return session.getPeerPrincipal().getName();
    } catch (SSLPeerUnverifiedException none) {
      return "nobody";
    }
  }

  /** The trust manager of countless answers to "how do I make this error go away". */
  private static final class Everybody extends X509ExtendedTrustManager {
    public void checkClientTrusted(X509Certificate[] chain, String type) {}
    public void checkClientTrusted(X509Certificate[] chain, String type, java.net.Socket socket) {}
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
    public void checkServerTrusted(X509Certificate[] chain, String type) {}
    public void checkServerTrusted(X509Certificate[] chain, String type, java.net.Socket socket) {}
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
    public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
  }

  private static void greet(SSLSocket socket) {
    try (socket) {
      socket.setSoTimeout(10_000);
      socket.startHandshake();
      BufferedReader reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String name = nameOf(socket.getSession());
      String line = reader.readLine();
      socket.getOutputStream().write((name + ": " + line + "\n").getBytes(StandardCharsets.US_ASCII));
    } catch (IOException refused) {
      // the next client, please
    }
  }
}
