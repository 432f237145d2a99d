export declare function takeSetUpLock(file: string, onWait: (pid: number) => void): Promise<() => void>;
