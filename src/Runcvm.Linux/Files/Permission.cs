namespace Runcvm.Linux.Files;

/// <summary>Permission bits of files and folders, in the octal numbers of chmod(1).</summary>
public static class Permission
{
    /// <summary>0600: a file that its owner alone reads and writes.</summary>
    public const uint OwnersFile = 0x180;

    /// <summary>0700: a folder that its owner alone may use.</summary>
    public const uint OwnersFolder = 0x1C0;

    /// <summary>0644: a file that everybody reads.</summary>
    public const uint PlainFile = 0x1A4;

    /// <summary>0666: a file that everybody reads and writes.</summary>
    public const uint EverybodysFile = 0x1B6;

    /// <summary>0755: a folder that everybody may look into.</summary>
    public const uint PlainFolder = 0x1ED;

    /// <summary>0755: a file that everybody may execute.</summary>
    public const uint Program = 0x1ED;
}
