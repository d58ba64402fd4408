using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Runcvm.SystemTests.Pods;

/// <summary>Calls of the interface by which Kubernetes uses its engines (CRI, runtime.v1): gRPC without a library, a
/// POST of HTTP/2 each.</summary>
internal sealed class CriClient : IDisposable
{
    private const int Prefix = 5;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(150);

    private readonly HttpClient _http;

    public CriClient(string socket)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
                return new NetworkStream(connection, ownsSocket: true);
            },
        };
        _http = new HttpClient(handler) { Timeout = Patience.Times(Timeout) };
    }

    /// <summary>Calls a method of the runtime service.</summary>
    /// <exception cref="CriException">it failed, for the reason that Kubernetes would show</exception>
    public async Task<ProtoMessage> CallAsync(string method, ProtoMessage message)
    {
        byte[] body = message.ToBytes();
        byte[] framed = new byte[Prefix + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), body.Length);
        body.CopyTo(framed, Prefix);
        string address = $"http://localhost/runtime.v1.RuntimeService/{method}";
        using var request = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(framed),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.Add("te", "trailers");
        using HttpResponseMessage response = await _http.SendAsync(request);
        byte[] answer = await response.Content.ReadAsByteArrayAsync();
        string status = Header(response, "grpc-status");
        return status == "0" ? ProtoMessage.Parse(answer.AsSpan(Prefix))
            : throw new CriException(
                method, int.Parse(status, CultureInfo.InvariantCulture), Header(response, "grpc-message"));
    }

    public void Dispose() => _http.Dispose();

    private static string Header(HttpResponseMessage response, string name)
        => response.TrailingHeaders.TryGetValues(name, out IEnumerable<string>? values)
            || response.Headers.TryGetValues(name, out values)
            ? Uri.UnescapeDataString(values.First())
            : throw new InvalidDataException($"an answer without {name}");
}

/// <summary>A call that failed.</summary>
internal sealed class CriException(string method, int code, string message)
    : Exception($"{method}: {message} (code {code})");
