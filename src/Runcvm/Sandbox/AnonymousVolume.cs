namespace Runcvm.Sandbox;

/// <summary>A volume that nobody gave a name: what an image's VOLUME makes. It belongs to one container, and goes with it.</summary>
internal static class AnonymousVolume
{
    private const int DigitsOfName = 64;

    /// <summary>Whether the engine keeps such a volume here: …/volumes/NAME/_data, where the name is hexadecimal.</summary>
    internal static bool IsAt(string source)
        => source.Split('/') is [.., "volumes", { Length: DigitsOfName } name, "_data"] && name.All(char.IsAsciiHexDigitLower);
}
