using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;

namespace Runcvm.FirecrackerDouble;

/// <summary>HTTP/1.1 on a Unix socket, as much of it as clients of Firecracker use.</summary>
internal sealed class ApiServer : IDisposable
{
    private const int MostBytes = 51200;

    private readonly EventLoop _loop;
    private readonly ApiRoutes _routes;
    private readonly AsyncFile _listener;

    internal ApiServer(EventLoop loop, Instance instance, string path)
    {
        _loop = loop;
        _routes = new ApiRoutes(instance);
        try
        {
            _listener = new AsyncFile(loop, UnixSocket.Listen(path));
        }
        catch (LinuxException e) when (e.Errno == Errno.EADDRINUSE)
        {
            throw new FaultException($"Failed to open the API socket at: {path}. Check that it is not already used.");
        }
    }

    internal async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await _listener.ReadableAsync();
                while (UnixSocket.TryAccept(_listener.Handle) is { } connection) _ = ServeAsync(connection);
            }
        }
        catch (ObjectDisposedException)
        {
            // The guest has ended.
        }
    }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync(SafeFileHandle connection)
    {
        using var file = new AsyncFile(_loop, connection);
        try
        {
            while (await ReadAsync(file) is var (method, path, body))
            {
                (int status, string answer) = await _routes.AnswerAsync(method, path, body);
                string type = answer.Length > 0 ? $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(answer)}\r\n" : "";
                await file.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 {status} \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n{type}\r\n{answer}"));
            }
        }
        catch (LinuxException)
        {
            // The client is gone.
        }
    }

    private static async Task<(string Method, string Path, string Body)?> ReadAsync(AsyncFile file)
    {
        var bytes = new List<byte>();
        byte[] buffer = new byte[4096];
        while (true)
        {
            string text = Encoding.UTF8.GetString([.. bytes]);
            int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                string[] lines = text[..end].Split("\r\n");
                string? length = lines.FirstOrDefault(static line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
                int size = length == null ? 0 : int.Parse(length.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
                if (text.Length - end - 4 >= size)
                {
                    string[] request = lines[0].Split(' ');
                    return (request[0], request[1], text.Substring(end + 4, size));
                }
            }

            int n = await file.ReadAsync(buffer);
            if (n == 0 || bytes.Count + n > MostBytes) return null;
            bytes.AddRange(buffer.AsSpan(0, n));
        }
    }
}
