namespace Runcvm.HostFiles;

/// <summary>Files that appear whole or not at all. Who has the old one open keeps it, so that running machines are not disturbed.</summary>
internal static class AtomicFile
{
    internal const UnixFileMode Program = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    internal const UnixFileMode Readable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    internal static void Copy(string from, string to, UnixFileMode mode)
    {
        using FileStream source = File.OpenRead(from);
        Write(to, mode, source.CopyTo);
    }

    internal static void Write(string to, UnixFileMode mode, Action<Stream> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        string temporary = $"{to}.{Environment.ProcessId}.new";
        try
        {
            // Nobody else's until it is whole: it may hold what its mode keeps from others.
            var options = new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            using (var file = new FileStream(temporary, options))
            {
                content(file);

                // Without this a crash of the host soon afterwards can leave the name with an empty file behind it.
                file.Flush(flushToDisk: true);
            }

            File.SetUnixFileMode(temporary, mode);
            File.Move(temporary, to, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
