import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import javax.net.ssl.*;

/** A TLS server that demands client certificates, and repeats a line with the client's name before it. */
public class TlsServer {
  /** Arguments: port, keystore (PKCS #12, password "changeit"), clients' CA (PEM). */
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
    context.init(managers.getKeyManagers(), trust.getTrustManagers(), null);
    SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory()
        .createServerSocket(Integer.parseInt(arguments[0]), 50, java.net.InetAddress.getLoopbackAddress());
    server.setNeedClientAuth(true);
    while (true) {
      SSLSocket socket = (SSLSocket) server.accept();
      Thread thread = new Thread(() -> greet(socket));
      thread.setDaemon(true);
      thread.start();
    }
  }

  private static void greet(SSLSocket socket) {
    try (socket) {
      socket.setSoTimeout(10_000);
      socket.startHandshake();
      BufferedReader reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String name = socket.getSession().getPeerPrincipal().getName();
      String line = reader.readLine();
      socket.getOutputStream().write((name + ": " + line + "\n").getBytes(StandardCharsets.US_ASCII));
    } catch (IOException refused) {
      // the next client, please
    }
  }
}
