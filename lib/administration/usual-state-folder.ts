/** Where `slingshot up` keeps its state unless told otherwise, in the working folder. */
export const usualStateFolder = '.slingshot';
